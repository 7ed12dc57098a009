/// A file of the Netpbm family: PBM, PGM or PPM, plain or binary, of up to 16 bits a sample.
struct PNMDecoder: ImageDecoder {
  let header: ImageHeader

  private let bytes: [UInt8]
  /// The digit of the mark: 1 to 3 plain bits, grey, colours; 4 to 6 the same in binary.
  private let kind: Int
  /// Where the pixels begin.
  private let start: Int
  /// The largest value of a sample.
  private let largest: Int

  private static let name = "PPM, PGM or PBM"
  private static let spaces: Set<UInt8> = [9, 10, 11, 12, 13, 32]

  /// Whether a file begins so: P, a digit, and between that and the first number blanks or a remark.
  static func isBeginning(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 3, bytes[0] == UInt8(ascii: "P"), (0x31...0x36).contains(bytes[1]),
      spaces.contains(bytes[2])
    else { return false }
    return spaces.contains(bytes[3]) || bytes[3] == UInt8(ascii: "#")
      || (0x30...0x39).contains(bytes[3])
  }

  init(_ bytes: [UInt8]) throws(ImageError) {
    kind = Int(bytes[1]) - 0x30
    var words = Words(bytes: bytes, next: 2)
    let width = try words.number()
    let height = try words.number()
    largest = kind % 3 == 1 ? 1 : try words.number()
    guard (1...65_535).contains(largest) else {
      throw .damaged(Self.name, "the largest value of its samples is \(largest)")
    }
    start = words.next
    self.bytes = bytes
    header = ImageHeader(width: width, height: height, isDeepGrey: kind % 3 == 2 && largest > 255)
  }

  func decode(into pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    switch kind {
    case 1: try decodePlainBits(pixels)
    case 4: try decodeBits(pixels)
    case 2, 3: try decodePlain(pixels)
    default: try decodeBinary(pixels)
    }
  }

  /// Writes a sample of an image that has `channels` of them in each pixel.
  private func put(
    _ value: UInt8, _ index: Int, channels: Int, _ pixels: UnsafeMutableBufferPointer<UInt8>
  ) {
    if channels == 3 {
      pixels[index] = value
    } else {
      for channel in 0..<3 { pixels[3 * index + channel] = value }
    }
  }

  private var channels: Int { kind % 3 == 0 ? 3 : 1 }
  private var sampleCount: Int { header.width * header.height * channels }

  /// The byte for every value that a sample can have. Grey of more than 8 bits is scaled to 16 and
  /// then cut off at 255.
  private var table: [UInt8] {
    let scale: Double = header.isDeepGrey ? 65_535 : 255
    return (0..<(largest > 255 ? 65_536 : 256)).map {
      UInt8(min(255, (Double($0) / Double(largest) * scale).rounded(.toNearestOrEven)))
    }
  }

  private func decodeBinary(_ pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    let (table, channels, wide) = (table, channels, largest > 255)
    guard bytes.count - start >= sampleCount * (wide ? 2 : 1) else { throw .truncated(Self.name) }
    for index in 0..<sampleCount {
      let value =
        wide
        ? Int(bytes[start + 2 * index]) << 8 | Int(bytes[start + 2 * index + 1])
        : Int(bytes[start + index])
      put(table[value], index, channels: channels, pixels)
    }
  }

  private func decodePlain(_ pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    let (table, channels) = (table, channels)
    var words = Words(bytes: bytes, next: start)
    for index in 0..<sampleCount {
      let value = try words.number()
      guard value <= largest else {
        throw .damaged(Self.name, "a sample is larger than the header says")
      }
      put(table[value], index, channels: channels, pixels)
    }
  }

  private func decodeBits(_ pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    let stride = (header.width + 7) / 8
    guard bytes.count - start >= stride * header.height else { throw .truncated(Self.name) }
    for row in 0..<header.height {
      for column in 0..<header.width {
        let bit = bytes[start + row * stride + column / 8] >> (7 - column % 8) & 1
        put(bit == 1 ? 0 : 255, row * header.width + column, channels: 1, pixels)
      }
    }
  }

  private func decodePlainBits(_ pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    var words = Words(bytes: bytes, next: start)
    for index in 0..<sampleCount {
      let digit = try words.digit()
      put(digit == 1 ? 0 : 255, index, channels: 1, pixels)
    }
  }

  /// The numbers of a text in which blanks stand between them and # begins a remark.
  private struct Words {
    let bytes: [UInt8]
    var next: Int

    /// The next number, and moves behind the one blank that ends it.
    mutating func number() throws(ImageError) -> Int {
      skipBlanks()
      var (value, digits) = (0, 0)
      while next < bytes.count, !spaces.contains(bytes[next]) {
        guard (0x30...0x39).contains(bytes[next]), digits < 10 else { throw noNumber }
        value = 10 * value + Int(bytes[next] - 0x30)
        digits += 1
        next += 1
      }
      guard digits > 0 else { throw .truncated(name) }
      next += 1
      return value
    }

    /// The next digit, which is 0 or 1.
    mutating func digit() throws(ImageError) -> UInt8 {
      skipBlanks()
      guard next < bytes.count else { throw .truncated(name) }
      guard (0x30...0x31).contains(bytes[next]) else { throw noNumber }
      next += 1
      return bytes[next - 1] - 0x30
    }

    private var noNumber: ImageError {
      .damaged(name, "there is something else where a number should be")
    }

    private mutating func skipBlanks() {
      var isRemark = false
      while next < bytes.count {
        if bytes[next] == UInt8(ascii: "#") { isRemark = true }
        if bytes[next] == 10 || bytes[next] == 13 { isRemark = false }
        guard isRemark || spaces.contains(bytes[next]) else { return }
        next += 1
      }
    }
  }
}
