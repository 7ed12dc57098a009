/// An array among the packed weights of a network.
package struct PackedArray: Hashable, Encodable, Sendable {
  /// What it is, for example "layer1.0.conv2.weight".
  package let name: String
  /// The type of its elements in Swift's words, for example "Float" or "Int8".
  package let element: String
  /// How many elements it has.
  package let count: Int
  /// Where it begins, in bytes from the start of the packed weights.
  package let offset: Int
}

/// Assigns the arrays of a network their offsets among the packed weights of one path.
package struct PackedLayout: Encodable, Sendable {
  /// The kernels that read the weights, by their path's name.
  package let kernels: String
  /// The arrays, one behind the other.
  package private(set) var arrays: [PackedArray] = []
  /// How many bytes they have together, a multiple of ``alignment``.
  package private(set) var byteCount = 0

  /// Every array begins at a multiple of so many bytes: two lines of the cache.
  package static let alignment = 128

  /// Starts an empty layout.
  package init(kernels: String) { self.kernels = kernels }

  /// Adds an array of `count` elements of `type`, and returns its offset.
  package mutating func add(
    _ name: String, _ type: (some BitwiseCopyable).Type, count: Int
  ) -> Int {
    let offset = byteCount
    arrays.append(PackedArray(name: name, element: "\(type)", count: count, offset: offset))
    let end = offset + count * stride(of: type)
    byteCount = (end + Self.alignment - 1) / Self.alignment * Self.alignment
    return offset
  }

  /// Adds the weights and the bias of a convolution for float kernels.
  package mutating func add(_ name: String, _ shape: ConvolutionShape, _ path: KernelPath)
    -> PackedConvolution
  {
    PackedConvolution(
      shape: shape,
      weights: add("\(name).weight", Float.self, count: shape.packedWeightCount(path)),
      bias: add("\(name).bias", Float.self, count: shape.packedBiasCount))
  }

  private func stride<Element>(of type: Element.Type) -> Int { MemoryLayout<Element>.stride }
}

/// A convolution among the packed weights.
package struct PackedConvolution: Hashable, Sendable {
  /// The extents of the convolution.
  package let shape: ConvolutionShape
  /// The offset of its weights.
  let weights: Int
  /// The offset of its bias.
  let bias: Int
}
