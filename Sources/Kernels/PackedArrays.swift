/// The arrays of a network in the form that its kernels read; they never change.
// Sendable although it holds a pointer: the memory is written before `init` returns, never after.
package final class PackedArrays: @unchecked Sendable {
  /// Writes the arrays of a network into zeros.
  package typealias Producer = (UnsafeMutableRawBufferPointer) throws -> Void

  /// The bytes of the arrays, at the offsets of their layout.
  package let bytes: UnsafeRawBufferPointer
  private let owner: AnyObject

  /// Has `producer` write the arrays of `layout` into memory of this process.
  ///
  /// - Throws: an ``OutOfMemory``, and what `producer` throws.
  package convenience init(_ layout: PackedLayout, _ producer: Producer) throws {
    let memory = try AlignedMemory(count: layout.byteCount)
    let bytes = UnsafeMutableRawBufferPointer(start: memory.base, count: layout.byteCount)
    try producer(bytes)
    self.init(layout, UnsafeRawBufferPointer(bytes), keptBy: memory)
  }

  /// Arrays of `layout` that have been written into `bytes`.
  ///
  /// - Precondition: the bytes are as many as the layout says, and stay as they are while `owner`
  ///   lives.
  package init(_ layout: PackedLayout, _ bytes: UnsafeRawBufferPointer, keptBy owner: AnyObject) {
    precondition(
      bytes.count >= layout.byteCount && bytes.baseAddress != nil,
      "\(bytes.count) bytes for \(layout.byteCount) of weights")
    self.bytes = bytes
    self.owner = owner
  }

  /// What stands from a byte on.
  package func pointer(at offset: Int) -> UnsafeRawPointer {
    guard let start = bytes.baseAddress, (0..<bytes.count).contains(offset) else {
      preconditionFailure("offset \(offset) of \(bytes.count) bytes")
    }
    return start + offset
  }

  /// The floats from a byte on.
  func floats(at offset: Int) -> UnsafePointer<Float> {
    pointer(at: offset).assumingMemoryBound(to: Float.self)
  }
}

extension PackedConvolution {
  /// Writes a convolution in the form that `path` reads, among the arrays `bytes`.
  package func pack(
    _ folded: FoldedConvolution, for path: KernelPath, into bytes: UnsafeMutableRawBufferPointer
  ) {
    precondition(shape == folded.shape)
    func floats(_ offset: Int, _ count: Int) -> UnsafeMutablePointer<Float> {
      let end = offset + count * MemoryLayout<Float>.stride
      guard let start = bytes.baseAddress, offset >= 0, end <= bytes.count else {
        preconditionFailure("an array ends behind \(bytes.count) bytes")
      }
      return (start + offset).assumingMemoryBound(to: Float.self)
    }
    folded.pack(
      for: path, weights: floats(weights, shape.packedWeightCount(path)),
      bias: floats(bias, shape.packedBiasCount))
  }
}
