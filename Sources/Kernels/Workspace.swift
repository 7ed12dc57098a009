internal import CKernels

/// The working memory of one thread: feature maps, and what the kernels need beside them.
///
/// Threads that compute features at the same time each have their own.
public final class Workspace {
  private let memory: AlignedMemory
  private let count: Int
  let gathered: UnsafeMutablePointer<Float>
  /// Time and operations of each class of layers since ``startTiming()``; nil where it was not called.
  var timing: avp_timing?

  /// Floats of the matrix that the OpenBLAS path gathers at a time.
  static let gatheredFloats = 1 << 19

  /// Allocates what `layout` reserved.
  ///
  /// - Throws: an ``OutOfMemory``.
  public init(_ layout: WorkspaceLayout) throws(OutOfMemory) {
    var whole = layout
    let gathered = whole.reserve(floats: Self.gatheredFloats)
    count = whole.floats
    memory = try AlignedMemory(count: count * MemoryLayout<Float>.stride)
    self.gathered = memory.base.assumingMemoryBound(to: Float.self) + gathered.offset
  }

  /// The first float of `map`.
  func pointer(_ map: FeatureMap) -> UnsafeMutablePointer<Float> {
    precondition(map.offset >= 0 && map.offset + map.floats <= count)
    return memory.base.assumingMemoryBound(to: Float.self) + map.offset
  }

  /// The first float of `buffer`.
  func pointer(_ buffer: FeatureBuffer) -> UnsafeMutablePointer<Float> {
    precondition(buffer.offset >= 0 && buffer.offset + buffer.capacity <= count)
    return memory.base.assumingMemoryBound(to: Float.self) + buffer.offset
  }
}
