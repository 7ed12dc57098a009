internal import Glibc

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
// Sendable although it holds a pointer: the memory is written before `init` returns, never after.
public final class PackedWeights: @unchecked Sendable {
  /// Hands over the convolutions of a network one by one, so that only one of them need be in
  /// memory unpacked.
  public typealias Producer = ((PackedConvolution, FoldedConvolution) -> Void) throws -> Void

  /// The path whose format the weights have.
  public let path: KernelPath
  /// The packed weights as the kernels read them.
  let base: UnsafePointer<Float>
  // Keeps the memory: an `AlignedMemory` or a `FileMapping`.
  private let owner: AnyObject

  /// Packs the convolutions that `producer` hands over into memory of this process.
  ///
  /// - Throws: an ``OutOfMemory``, and what `producer` throws.
  public init(_ layout: PackedLayout, _ producer: Producer) throws {
    let memory = try AlignedMemory(count: layout.floats * MemoryLayout<Float>.stride)
    let base = memory.base.assumingMemoryBound(to: Float.self)
    try layout.pack(into: base, producer)
    path = layout.path
    owner = memory
    self.base = UnsafePointer(base)
  }

  /// Maps the weights of a file that ``write(to:description:_:_:)`` wrote with the same
  /// `description` and `layout`; nil if there is no sound one.
  ///
  /// Processes that map the same file share its memory.
  public init?(file path: String, description: [UInt8], _ layout: PackedLayout) {
    guard let file = OpenFile(path, O_RDONLY), let count = file.count,
      let mapping = FileMapping(file, count: count, writable: false),
      let head = PackedFileHead(UnsafeRawBufferPointer(mapping.bytes), fileCount: count),
      head.description == description, head.floats == layout.floats,
      PackedFile.checksum(UnsafeRawBufferPointer(mapping.weights)) == head.weightsChecksum,
      let start = mapping.weights.baseAddress
    else { return nil }
    self.path = layout.path
    owner = mapping
    base = UnsafePointer(start.assumingMemoryBound(to: Float.self))
  }

  /// Packs the convolutions that `producer` hands over into the file `path`, which appears when it
  /// is whole. Several hosts may do so at the same time: each writes a file of its own, and the
  /// last one that is complete stays. On one host the caller lets one thread at a time do it.
  ///
  /// - Throws: a ``PackedFileError`` if the file cannot be written, and what `producer` throws.
  public static func write(
    to path: String, description: [UInt8], _ layout: PackedLayout, _ producer: Producer
  ) throws {
    let temporary = PackedFile.temporary(path)
    guard description.count <= PackedFile.mostDescription else {
      throw PackedFileError(path, "the description of the network is too long")
    }
    guard let file = OpenFile(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW) else {
      throw PackedFileError.system(temporary, "creating the file")
    }
    do {
      try fill(file, temporary, description, layout, producer)
      guard rename(temporary, path) == 0 else { throw PackedFileError.system(path, "renaming") }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func fill(
    _ file: borrowing OpenFile, _ path: String, _ description: [UInt8], _ layout: PackedLayout,
    _ producer: Producer
  ) throws {
    let count = PackedFile.weightsOffset + layout.floats * MemoryLayout<Float>.stride
    // Room on the disk is claimed first: a store into a mapping that finds none would be fatal.
    let code = posix_fallocate(file.descriptor, 0, off_t(count))
    guard code == 0 else { throw PackedFileError.system(path, "claiming room", code: code) }
    guard let mapping = FileMapping(file, count: count, writable: true),
      let start = mapping.weights.baseAddress
    else { throw PackedFileError.system(path, "mapping") }
    try layout.pack(into: start.assumingMemoryBound(to: Float.self), producer)
    let head = PackedFileHead(
      description: description, floats: layout.floats,
      weightsChecksum: PackedFile.checksum(UnsafeRawBufferPointer(mapping.weights)))
    mapping.bytes.copyBytes(from: head.encoded)
    guard msync(mapping.bytes.baseAddress, count, MS_SYNC) == 0, fsync(file.descriptor) == 0 else {
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
