/// Where the weights and the bias of one convolution are among the packed weights.
public struct PackedConvolution: Hashable, Sendable {
  /// The extents of the convolution.
  public let shape: ConvolutionShape
  let weights: Int
  let bias: Int
}

/// Assigns the convolutions of a network their places among the packed weights of one path.
public struct PackedLayout: Sendable {
  /// The path whose format the weights have.
  public let path: KernelPath
  private(set) var floats = 0

  /// Starts an empty layout.
  public init(path: KernelPath) { self.path = path }

  /// The place of the next convolution.
  public mutating func add(_ shape: ConvolutionShape) -> PackedConvolution {
    PackedConvolution(
      shape: shape,
      weights: advance(by: shape.packedWeightCount(path)),
      bias: advance(by: shape.packedBiasCount))
  }

  private mutating func advance(by count: Int) -> Int {
    defer { floats += (count + 31) / 32 * 32 }
    return floats
  }
}

/// The weights of a network in the form that one kernel path reads; they never change.
// Sendable although it holds a pointer: the memory is written in `init` only.
public final class PackedWeights: @unchecked Sendable {
  /// The path whose format the weights have.
  public let path: KernelPath
  private let memory: AlignedMemory

  /// Packs the convolutions that `each` hands over one by one, so that only one of them need be in
  /// memory unpacked.
  ///
  /// - Throws: an ``OutOfMemory``, and what `each` throws.
  public init(
    _ layout: PackedLayout,
    each: ((PackedConvolution, FoldedConvolution) -> Void) throws -> Void
  ) throws {
    path = layout.path
    memory = try AlignedMemory(count: layout.floats * MemoryLayout<Float>.stride)
    let base = memory.base.assumingMemoryBound(to: Float.self)
    try each { place, folded in
      precondition(place.shape == folded.shape)
      folded.pack(for: layout.path, weights: base + place.weights, bias: base + place.bias)
    }
  }

  /// The packed weights as the kernels read them.
  var base: UnsafePointer<Float> {
    UnsafePointer(memory.base.assumingMemoryBound(to: Float.self))
  }
}
