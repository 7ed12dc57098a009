/// The weights of a network in the form that one kernel path reads; they never change.
// Sendable although it holds a pointer: the memory is written before `init` returns, never after.
package final class PackedWeights: @unchecked Sendable {
  /// Hands over the convolutions of a network one by one, so that only one of them need be in
  /// memory unpacked.
  package typealias Producer = ((PackedConvolution, FoldedConvolution) -> Void) throws -> Void

  /// The path whose format the weights have.
  package let path: KernelPath
  private let start: UnsafeRawPointer
  private let owner: AnyObject

  /// Packs the convolutions that `producer` hands over into memory of this process.
  ///
  /// - Throws: an ``OutOfMemory``, and what `producer` throws.
  package convenience init(_ layout: PackedLayout, _ producer: Producer) throws {
    let memory = try AlignedMemory(count: layout.byteCount)
    let bytes = UnsafeMutableRawBufferPointer(start: memory.base, count: memory.count)
    try layout.pack(into: bytes, producer)
    self.init(layout, UnsafeRawBufferPointer(bytes), keptBy: memory)
  }

  /// Weights that ``PackedLayout/pack(into:_:)`` has written into `bytes`.
  ///
  /// - Precondition: the bytes are as many as the layout says, and stay as they are while `owner`
  ///   lives.
  package init(_ layout: PackedLayout, _ bytes: UnsafeRawBufferPointer, keptBy owner: AnyObject) {
    guard let start = bytes.baseAddress, bytes.count >= layout.byteCount else {
      preconditionFailure("\(bytes.count) bytes for \(layout.byteCount) of weights")
    }
    path = layout.path
    self.start = start
    self.owner = owner
  }

  /// The floats from a byte on.
  func floats(at offset: Int) -> UnsafePointer<Float> {
    (start + offset).assumingMemoryBound(to: Float.self)
  }
}

extension PackedLayout {
  /// Packs the convolutions that `producer` hands over into zeros.
  ///
  /// - Precondition: there are ``byteCount`` bytes.
  /// - Throws: what `producer` throws.
  package func pack(
    into bytes: UnsafeMutableRawBufferPointer, _ producer: PackedWeights.Producer
  ) rethrows {
    guard let start = bytes.baseAddress, bytes.count >= byteCount else {
      preconditionFailure("\(bytes.count) bytes for \(byteCount) of weights")
    }
    func floats(at offset: Int) -> UnsafeMutablePointer<Float> {
      (start + offset).assumingMemoryBound(to: Float.self)
    }
    try producer { position, folded in
      precondition(position.shape == folded.shape)
      folded.pack(for: path, weights: floats(at: position.weights), bias: floats(at: position.bias))
    }
  }
}
