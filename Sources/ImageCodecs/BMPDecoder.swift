/// A Windows or OS/2 bitmap: 1, 4, 8, 16, 24 or 32 bits a pixel, also with runs.
///
/// What it may hold, and what follows from it, is what Pillow reads of it: alpha is dropped, and a
/// bitmap with runs must set every pixel.
struct BMPDecoder: ImageDecoder {
  let header: ImageHeader

  private let bytes: [UInt8]
  /// Where the pixels begin.
  private let start: Int
  private let bits: Int
  private let isTopDown: Bool
  private let layout: Layout

  private enum Layout {
    /// Positions in a palette of 256 entries of R, G, B.
    case indices(palette: [UInt8], runs: Bool)
    /// 5 bits of blue, these many of green, 5 of red.
    case packed(greenBits: Int)
    /// A byte a colour, at these positions in the pixel.
    case bytes(red: Int, green: Int, blue: Int)
  }

  private static let name = "BMP"
  /// Sizes of the header behind the first 14 bytes, one for each version.
  static let headerSizes = [12, 40, 52, 56, 64, 108, 124]

  init(_ bytes: [UInt8]) throws(ImageError) {
    func number(_ offset: Int, _ count: Int) throws(ImageError) -> Int {
      guard let value = bytes[...].number(at: offset, bytes: count, bigEndian: false) else {
        throw .truncated(Self.name)
      }
      return value
    }
    let size = try number(14, 4)
    guard Self.headerSizes.contains(size), bytes.count >= 14 + size else {
      throw .damaged(Self.name, "its header has \(size) bytes")
    }
    let isOld = size == 12
    let rows = isOld ? try number(20, 2) : Int(Int32(truncatingIfNeeded: try number(22, 4)))
    isTopDown = rows < 0
    bits = try number(isOld ? 24 : 28, 2)
    let compression = isOld ? 0 : try number(30, 4)
    var colours = isOld ? 0 : try number(46, 4)
    if colours == 0 { colours = bits <= 8 ? 1 << bits : 0 }
    var start = try number(10, 4)
    switch (bits, compression) {
    case (1, 0), (4, 0), (8, 0), (4, 2), (8, 1):
      guard colours <= 65_536 else { throw .damaged(Self.name, "its palette is too large") }
      let entry = isOld ? 3 : 4
      if start == 14 + size || start == 0 { start = 14 + size + entry * colours }
      let palette = bytes.dropFirst(14 + size).prefix(entry * colours)
      layout = .indices(palette: Self.palette(palette, entry: entry), runs: compression > 0)
    case (16, 0): layout = .packed(greenBits: 5)
    case (24, 0), (32, 0): layout = .bytes(red: 2, green: 1, blue: 0)
    case (16, 3), (24, 3), (32, 3):
      var masks: [Int] = []
      for index in 0..<4 {
        masks.append(index < 3 || size >= 56 ? try number(54 + 4 * index, 4) : 0)
      }
      layout = try Self.layout(bits: bits, masks: masks)
    default:
      throw .damaged(Self.name, "\(bits) bits a pixel, compression \(compression) are not read")
    }
    self.start = start == 0 ? 14 + size : start
    self.bytes = bytes
    let width = try number(18, isOld ? 2 : 4)
    let hasRuns = compression == 1 || compression == 2
    header = ImageHeader(
      width: width, height: abs(rows), workingBytes: hasRuns ? width * abs(rows) : 0)
  }

  /// The entries as R, G, B; black behind the last one.
  private static func palette(_ stored: ArraySlice<UInt8>, entry: Int) -> [UInt8] {
    var palette = [UInt8](repeating: 0, count: 3 * 256)
    let stored = Array(stored)
    for index in 0..<min(256, stored.count / entry) {
      for channel in 0..<3 { palette[3 * index + channel] = stored[entry * index + 2 - channel] }
    }
    return palette
  }

  /// The layouts of colours that Pillow knows.
  private static func layout(bits: Int, masks: [Int]) throws(ImageError) -> Layout {
    switch (bits, masks[0], masks[1], masks[2], masks[3]) {
    case (16, 0xF800, 0x07E0, 0x1F, _): .packed(greenBits: 6)
    case (16, 0x7C00, 0x03E0, 0x1F, _): .packed(greenBits: 5)
    case (24, 0xFF0000, 0xFF00, 0xFF, _): .bytes(red: 2, green: 1, blue: 0)
    case (32, 0xFF0000, 0xFF00, 0xFF, 0), (32, 0xFF0000, 0xFF00, 0xFF, 0xFF00_0000),
      (32, 0, 0, 0, 0):
      .bytes(red: 2, green: 1, blue: 0)
    case (32, 0xFF00_0000, 0xFF0000, 0xFF00, 0), (32, 0xFF00_0000, 0xFF0000, 0xFF00, 0xFF):
      .bytes(red: 3, green: 2, blue: 1)
    case (32, 0xFF00_0000, 0xFF00, 0xFF, 0), (32, 0xFF00_0000, 0xFF00, 0xFF, 0xFF0000):
      .bytes(red: 3, green: 1, blue: 0)
    case (32, 0xFF, 0xFF00, 0xFF0000, 0xFF00_0000): .bytes(red: 0, green: 1, blue: 2)
    default: throw .damaged(name, "its layout of colours is not read")
    }
  }

  func decode(into pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    let (width, height) = (header.width, header.height)
    if case .indices(let palette, true) = layout {
      let indices = try runs()
      for row in 0..<height {
        for column in 0..<width {
          let index = 3 * Int(indices[row * width + column])
          put(palette[index], palette[index + 1], palette[index + 2], column, row, pixels)
        }
      }
      return
    }
    let (used, stride) = ((width * bits + 7) / 8, (width * bits + 31) / 32 * 4)
    // The filling behind the last row may be missing.
    guard start + (height - 1) * stride + used <= bytes.count else { throw .truncated(Self.name) }
    for row in 0..<height {
      for column in 0..<width {
        let (red, green, blue) = colour(start + row * stride, column)
        put(red, green, blue, column, row, pixels)
      }
    }
  }

  /// Writes the pixel at a position in the order of the file.
  private func put(
    _ red: UInt8, _ green: UInt8, _ blue: UInt8, _ column: Int, _ row: Int,
    _ pixels: UnsafeMutableBufferPointer<UInt8>
  ) {
    let shown = isTopDown ? row : header.height - 1 - row
    let offset = 3 * (shown * header.width + column)
    (pixels[offset], pixels[offset + 1], pixels[offset + 2]) = (red, green, blue)
  }

  private func colour(_ row: Int, _ column: Int) -> (UInt8, UInt8, UInt8) {
    switch layout {
    case .indices(let palette, _):
      let byte = Int(bytes[row + column * bits / 8])
      let index = byte >> (8 - bits - column * bits % 8) & (1 << bits - 1)
      return (palette[3 * index], palette[3 * index + 1], palette[3 * index + 2])
    case .packed(let greenBits):
      let value = Int(bytes[row + 2 * column]) | Int(bytes[row + 2 * column + 1]) << 8
      let largest = 1 << greenBits - 1
      return (
        UInt8((value >> (5 + greenBits) & 31) * 255 / 31),
        UInt8((value >> 5 & largest) * 255 / largest), UInt8((value & 31) * 255 / 31)
      )
    case .bytes(let red, let green, let blue):
      let first = row + column * bits / 8
      return (bytes[first + red], bytes[first + green], bytes[first + blue])
    }
  }

  /// The indices of a bitmap with runs, in the order of the file.
  private func runs() throws(ImageError) -> [UInt8] {
    let (width, count) = (header.width, header.width * header.height)
    var indices: [UInt8] = []
    indices.reserveCapacity(count + 255)
    var (next, column) = (start, 0)
    /// The first pixels of `bytes`, two in each where a pixel has four bits.
    func append(_ count: Int, _ byte: (Int) -> UInt8) {
      for pixel in 0..<count {
        let value = byte(bits == 4 ? pixel / 2 : pixel)
        indices.append(bits == 8 ? value : pixel % 2 == 0 ? value >> 4 : value & 15)
      }
    }
    while indices.count < count, next + 1 < bytes.count {
      let (length, value) = (Int(bytes[next]), bytes[next + 1])
      next += 2
      switch (length, value) {
      case (1..., _):
        let used = min(length, max(0, width - column))
        append(used) { _ in value }
        column += used
      case (_, 0):
        indices += repeatElement(0, count: (width - indices.count % width) % width)
        column = 0
      case (_, 1): throw .damaged(Self.name, "it does not set every pixel")
      case (_, 2):
        guard next + 1 < bytes.count else { throw .truncated(Self.name) }
        let skipped = Int(bytes[next]) + Int(bytes[next + 1]) * width
        indices += repeatElement(0, count: min(count - indices.count, skipped))
        column = indices.count % width
        next += 2
      default:
        let used = min(count - indices.count, Int(value))
        let end = next + (used * bits + 7) / 8
        guard end <= bytes.count else { throw .truncated(Self.name) }
        append(used) { bytes[next + $0] }
        column += Int(value)
        next = end + end % 2
      }
    }
    guard indices.count >= count else { throw .truncated(Self.name) }
    return indices
  }
}
