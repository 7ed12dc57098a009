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
  /// Hands over the convolutions of a network one by one, so that only one of them need be in memory
  /// unpacked.
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

  /// Maps the weights of a file that ``write(to:description:_:_:)`` wrote; nil if there is no sound one.
  ///
  /// Processes that map the same file share its memory.
  ///
  /// - Parameter layoutFor: the layout that belongs to the file's description; nil refuses it.
  public init?(file path: String, layoutFor: ([UInt8]) -> PackedLayout?) {
    guard let file = OpenFile(path, O_RDONLY), let count = file.count,
      let mapping = FileMapping(file, count: count, writable: false),
      let head = PackedFileHead(UnsafeRawBufferPointer(mapping.bytes), fileCount: count),
      let layout = layoutFor(head.description), layout.floats == head.floats,
      PackedFile.checksum(UnsafeRawBufferPointer(mapping.weights)) == head.weightsChecksum,
      let start = mapping.weights.baseAddress
    else { return nil }
    self.path = layout.path
    owner = mapping
    base = UnsafePointer(start.assumingMemoryBound(to: Float.self))
  }

  /// Packs the convolutions that `producer` hands over into the file `path`, which appears when it is
  /// whole. The caller sees to it that nobody else writes it at the same time.
  ///
  /// - Throws: a ``PackedFileError`` if the file cannot be written, and what `producer` throws.
  public static func write(
    to path: String, description: [UInt8], _ layout: PackedLayout, _ producer: Producer
  ) throws {
    let temporary = path + ".tmp"
    guard description.count <= PackedFile.mostDescription else {
      throw PackedFileError(path, "the description of the network is too long")
    }
    do {
      try fill(temporary, description, layout, producer)
      guard rename(temporary, path) == 0 else { throw PackedFileError.system(path, "renaming") }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func fill(
    _ path: String, _ description: [UInt8], _ layout: PackedLayout, _ producer: Producer
  ) throws {
    let count = PackedFile.weightsOffset + layout.floats * MemoryLayout<Float>.stride
    guard let file = OpenFile(path, O_RDWR | O_CREAT | O_TRUNC) else {
      throw PackedFileError.system(path, "creating the file")
    }
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
