internal import Glibc

/// Where the weights and the bias of one convolution are among the packed weights.
package struct PackedConvolution: Hashable, Sendable {
  /// The extents of the convolution.
  package let shape: ConvolutionShape
  let weights: Int
  let bias: Int
}

/// Assigns the convolutions of a network their places among the packed weights of one path.
package struct PackedLayout: Sendable {
  /// The path whose format the weights have.
  package let path: KernelPath
  private(set) var floats = 0

  /// Starts an empty layout.
  package init(path: KernelPath) { self.path = path }

  /// The place of the next convolution.
  package mutating func add(_ shape: ConvolutionShape) -> PackedConvolution {
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
// Sendable although it holds a pointer: the memory is written before `init` returns, never after.
package final class PackedWeights: @unchecked Sendable {
  /// Hands over the convolutions of a network one by one, so that only one of them need be in
  /// memory unpacked.
  package typealias Producer = ((PackedConvolution, FoldedConvolution) -> Void) throws -> Void

  /// The path whose format the weights have.
  package let path: KernelPath
  /// The packed weights as the kernels read them.
  let base: UnsafePointer<Float>
  // Keeps the memory: an `AlignedMemory` or a `FileMapping`.
  private let owner: AnyObject

  /// Packs the convolutions that `producer` hands over into memory of this process.
  ///
  /// - Throws: an ``OutOfMemory``, and what `producer` throws.
  package init(_ layout: PackedLayout, _ producer: Producer) throws {
    let memory = try AlignedMemory(count: layout.floats * MemoryLayout<Float>.stride)
    let base = memory.base.assumingMemoryBound(to: Float.self)
    try layout.pack(into: base, producer)
    path = layout.path
    owner = memory
    self.base = UnsafePointer(base)
  }

  /// Maps the weights of a file that ``write(to:path:description:_:_:)`` wrote with the same
  /// `description` and `layout`; nil if it is not a sound one.
  ///
  /// Processes that map the same file share its memory. One whose file becomes shorter meanwhile
  /// ends with status 69 and a message.
  ///
  /// - Parameters:
  ///   - file: a descriptor that is open for reading; not needed afterwards.
  ///   - path: what messages call the file.
  package init?(
    file: Int32, path: String, description: [UInt8], _ layout: PackedLayout
  ) {
    var status = stat()
    guard fstat(file, &status) == 0 else { return nil }
    let count = Int(status.st_size)
    guard let mapping = FileMapping(file, path, count: count, writable: false),
      let head = PackedFileHead(UnsafeRawBufferPointer(mapping.bytes), fileCount: count),
      head.description == description, head.floats == layout.floats,
      PackedFile.checksum(UnsafeRawBufferPointer(mapping.weights)) == head.weightsChecksum,
      let start = mapping.weights.baseAddress
    else { return nil }
    self.path = layout.path
    owner = mapping
    base = UnsafePointer(start.assumingMemoryBound(to: Float.self))
  }

  /// Packs the convolutions that `producer` hands over into an empty file, and flushes it.
  ///
  /// - Parameters:
  ///   - file: a descriptor that is open for reading and writing.
  ///   - path: what messages call the file.
  /// - Throws: a ``PackedFileError`` if the file cannot be written, and what `producer` throws.
  package static func write(
    to file: Int32, path: String, description: [UInt8], _ layout: PackedLayout,
    _ producer: Producer
  ) throws {
    guard description.count <= PackedFile.mostDescription else {
      throw PackedFileError(path, "the description of the network is too long")
    }
    let count = PackedFile.weightsOffset + layout.floats * MemoryLayout<Float>.stride
    // Room on the disk is claimed first: a store into a mapping that finds none would be fatal.
    let code = posix_fallocate(file, 0, off_t(count))
    guard code == 0 else { throw PackedFileError.system(path, "claiming room", code: code) }
    guard let mapping = FileMapping(file, path, count: count, writable: true),
      let start = mapping.weights.baseAddress
    else { throw PackedFileError.system(path, "mapping") }
    try layout.pack(into: start.assumingMemoryBound(to: Float.self), producer)
    let head = PackedFileHead(
      description: description, floats: layout.floats,
      weightsChecksum: PackedFile.checksum(UnsafeRawBufferPointer(mapping.weights)))
    mapping.bytes.copyBytes(from: head.encoded)
    guard msync(mapping.bytes.baseAddress, count, MS_SYNC) == 0, fsync(file) == 0 else {
      throw PackedFileError.system(path, "writing")
    }
  }
}

extension PackedLayout {
  fileprivate func pack(
    into base: UnsafeMutablePointer<Float>, _ producer: PackedWeights.Producer
  ) throws {
    try producer { place, folded in
      precondition(place.shape == folded.shape)
      folded.pack(for: path, weights: base + place.weights, bias: base + place.bias)
    }
  }
}
