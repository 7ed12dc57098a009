internal import CKernels

/// A stack of square NHWC maps of whole numbers in an ``IntegerWorkspace``.
package struct IntegerMap: Sendable, Equatable {
  /// Where it begins, in bytes from the workspace's start.
  let offset: Int
  /// How many maps are stacked.
  package let images: Int
  /// Height and width in pixels.
  package let size: Int
  /// Channels of a pixel, as the network has them.
  package let channels: Int
  /// Bytes of a number: an activation's of the path, or those of a word.
  let width: Int

  /// Numbers of a pixel, padding included.
  var stride: Int { ConvolutionShape.paddedChannels(channels) }
  /// Bytes of one image's map.
  var imageBytes: Int { size * size * stride * width }
  /// Bytes that the stack takes up.
  var bytes: Int { images * imageBytes }

  /// The maps of some of the images.
  package func images(_ range: Range<Int>) -> IntegerMap {
    precondition(range.lowerBound >= 0 && range.upperBound <= images)
    return IntegerMap(
      offset: offset + range.lowerBound * imageBytes, images: range.count, size: size,
      channels: channels, width: width)
  }

  /// The map of one image.
  package func image(_ index: Int) -> IntegerMap { images(index..<index + 1) }
}

/// A region of an ``IntegerWorkspace``, in which maps of different sizes lie one after the other.
package struct IntegerBuffer: Sendable, Equatable {
  /// Where it begins, in bytes from the workspace's start.
  let offset: Int
  /// How many bytes it has room for.
  let capacity: Int
  /// Bytes of an activation.
  fileprivate let activation: Int

  /// The buffer seen as maps of activations.
  ///
  /// - Precondition: they fit.
  package func maps(_ images: Int, size: Int, channels: Int) -> IntegerMap {
    map(images, size, channels, width: activation)
  }

  /// The buffer seen as maps of words.
  ///
  /// - Precondition: they fit.
  package func words(_ images: Int, size: Int, channels: Int) -> IntegerMap {
    map(images, size, channels, width: 2)
  }

  private func map(_ images: Int, _ size: Int, _ channels: Int, width: Int) -> IntegerMap {
    let map = IntegerMap(
      offset: offset, images: images, size: size, channels: channels, width: width)
    precondition(map.bytes <= capacity, "\(map) does not fit into \(capacity) bytes")
    return map
  }
}

/// Adds up the buffers that an integer workspace must hold.
package struct IntegerLayout: Sendable, Equatable {
  fileprivate private(set) var bytes = 0
  private let activation: Int

  /// Starts an empty layout for the maps of `path`.
  ///
  /// - Precondition: this processor can run the path.
  package init(_ path: IntegerPath) {
    guard let table = path.table else { preconditionFailure("\(path) is not to be had here") }
    activation = Int(table.pointee.activation)
  }

  /// Reserves room for the largest of some stacks of maps, as activations or as words.
  package mutating func reserve(
    _ maps: [(images: Int, size: Int, channels: Int)], words: Bool = false
  ) -> IntegerBuffer {
    let needs = maps.map {
      $0.images * $0.size * $0.size * ConvolutionShape.paddedChannels($0.channels)
    }
    guard let most = needs.max() else { preconditionFailure("no maps to make room for") }
    return reserve(bytes: most * (words ? 2 : activation))
  }

  /// Reserves room for one image of `size` x `size` x 3 in a frame of 3 pixels.
  package mutating func reserveImage(size: Int) -> IntegerBuffer {
    reserve(bytes: Self.framedNumbers(size: size) * activation)
  }

  /// Numbers of an image in its frame, with what reading its last pixel may touch.
  static func framedNumbers(size: Int) -> Int {
    (size + 6) * (size + 6) * 3 + Int(AVP_FRAME_PADDING)
  }

  mutating func reserve(bytes count: Int) -> IntegerBuffer {
    let buffer = IntegerBuffer(offset: bytes, capacity: count, activation: activation)
    bytes += (count + 127) / 64 * 64
    return buffer
  }
}

/// The working memory of one thread: maps of whole numbers, and what the kernels need beside them.
package final class IntegerWorkspace {
  private let memory: AlignedMemory
  private let count: Int
  let times = LayerTimes()
  /// What the kernels need.
  var scratch = avp_integer_scratch()

  /// Bytes of transformed tiles, and of their products.
  private static let tileBytes = 6 << 20
  private static let zeros = 2 << 14

  /// Allocates what `layout` reserved, and a few megabytes for the kernels.
  ///
  /// - Throws: an ``OutOfMemory``.
  package init(_ layout: IntegerLayout) throws(OutOfMemory) {
    var whole = layout
    let transformed = whole.reserve(bytes: Self.tileBytes)
    let products = whole.reserve(bytes: Self.tileBytes)
    let zeros = whole.reserve(bytes: Self.zeros)
    let rows = whole.reserve(
      bytes: Int(AVP_INTEGER_ROWS) * MemoryLayout<UnsafeRawPointer>.stride)
    count = whole.bytes
    memory = try AlignedMemory(count: count)
    scratch.transformed = memory.base + transformed.offset
    scratch.products = memory.base + products.offset
    scratch.tile_bytes = Self.tileBytes
    scratch.zeros = UnsafeRawPointer(memory.base + zeros.offset)
    scratch.rows = (memory.base + rows.offset).assumingMemoryBound(to: UnsafeRawPointer?.self)
  }

  /// Whether the kernels' memory suffices for a layer of this shape, on every path.
  static func serves(_ shape: ConvolutionShape) -> Bool {
    let padded = shape.paddedForIntegers
    let most = max(padded.inputs, padded.outputs)
    return 2 * most <= zeros && (shape.kernel != 3 || 36 * 4 * most <= tileBytes)
  }

  /// The first byte of `map`.
  func pointer(_ map: IntegerMap) -> UnsafeMutableRawPointer {
    precondition(map.offset >= 0 && map.offset + map.bytes <= count)
    return memory.base + map.offset
  }

  /// The first byte of `buffer`.
  func pointer(_ buffer: IntegerBuffer) -> UnsafeMutableRawPointer {
    precondition(buffer.offset >= 0 && buffer.offset + buffer.capacity <= count)
    return memory.base + buffer.offset
  }
}
