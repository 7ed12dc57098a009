internal import CKernels

/// The working memory of one thread: feature maps, and what the kernels need beside them.
///
/// Threads that compute features at the same time each have their own.
package final class Workspace {
  private let memory: AlignedMemory
  private let count: Int
  /// What the kernels need.
  var scratch = avp_scratch()
  let times = LayerTimes()

  /// Floats of transformed tiles, and of their products, that are in work at a time. Enough for one
  /// tile of the widest network, and for the tiles of 8 images in the last stages of a ResNet-50.
  static let tileFloats = 3 << 19
  static let rowPointers = Int(AVP_ROW_POINTERS)
  private static let zeros = 1 << 14

  /// Allocates what `layout` reserved, and a few megabytes for the kernels.
  ///
  /// - Throws: an ``OutOfMemory``.
  package init(_ layout: WorkspaceLayout) throws(OutOfMemory) {
    var whole = layout
    let transformed = whole.reserve(floats: Self.tileFloats)
    let products = whole.reserve(floats: Self.tileFloats)
    let zeros = whole.reserve(floats: Self.zeros)
    let rows = whole.reserve(floats: Self.rowPointers * 2)
    count = whole.floats
    memory = try AlignedMemory(count: count * MemoryLayout<Float>.stride)
    let base = memory.base.assumingMemoryBound(to: Float.self)
    scratch.transformed = base + transformed.offset
    scratch.products = base + products.offset
    scratch.tile_floats = Self.tileFloats
    scratch.zeros = UnsafePointer(base + zeros.offset)
    scratch.rows = (memory.base + rows.offset * MemoryLayout<Float>.stride)
      .assumingMemoryBound(to: UnsafePointer<Float>?.self)
  }

  /// Whether the kernels' memory suffices for a layer of this shape, on every path.
  static func serves(_ shape: ConvolutionShape) -> Bool {
    let slot = max(shape.inputs, shape.outputs) + Int(AVP_SLOT_PADDING)
    return (shape.inputs + 15) / 16 * 16 <= zeros && shape.depth <= tileFloats
      && (shape.kernel != 3 || Int(AVP_TILE_SLOTS) * slot <= tileFloats)
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
