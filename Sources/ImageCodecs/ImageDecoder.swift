internal import CCodecShim

/// What a file says of its image before the pixels.
struct ImageHeader {
  /// The columns and rows that are stored.
  var width: Int
  var height: Int
  /// Bytes that decoding needs besides the pixels, nearly.
  var workingBytes = 0
  /// How the stored image is turned, where the format does not leave that to notes.
  var orientation = Orientation.upright
  /// Whether it holds grey of 16 bits, of which values above 255 become white.
  var isDeepGrey = false
}

/// A file of one format, whose header has been read.
protocol ImageDecoder: Sendable {
  var header: ImageHeader { get }

  /// Writes the R, G, B of every stored pixel, row by row; a throw leaves anything in `pixels`,
  /// which has room for just these.
  func decode(into pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError)
}

extension ImageFormat {
  /// Reads the header of the file in `bytes`, which has this format.
  ///
  /// - Throws: ``ImageError`` for a format that cannot be read or a damaged header.
  func decoder(_ bytes: [UInt8]) throws(ImageError) -> any ImageDecoder {
    switch self {
    case .jpeg: try ShimDecoder("JPEG", bytes, avp_jpeg_header, avp_jpeg_decode)
    case .png: try ShimDecoder("PNG", bytes, avp_png_header, avp_png_decode)
    case .webp: try ShimDecoder("WebP", bytes, avp_webp_header, avp_webp_decode)
    case .gif: try ShimDecoder("GIF", bytes, avp_gif_header, avp_gif_decode)
    case .tiff: try ShimDecoder("TIFF", bytes, avp_tiff_header, avp_tiff_decode)
    case .bmp: try BMPDecoder(bytes)
    case .pnm: try PNMDecoder(bytes)
    case .other, .unknown: throw ImageError(objection ?? "")
    }
  }
}

/// A decoder of the shim.
private struct ShimDecoder: ImageDecoder {
  typealias Header =
    @Sendable (
      UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<avp_image_header>?,
      UnsafeMutablePointer<CChar>?
    ) -> Int32
  typealias Decode =
    @Sendable (
      UnsafePointer<UInt8>?, Int, UInt32, UInt32, UnsafeMutablePointer<UInt8>?,
      UnsafeMutablePointer<CChar>?
    ) -> Int32

  let header: ImageHeader
  private let size: (width: UInt32, height: UInt32)
  private let name: String
  private let bytes: [UInt8]
  private let decode: Decode

  init(
    _ name: String, _ bytes: [UInt8], _ readHeader: Header, _ decode: @escaping Decode
  ) throws(ImageError) {
    var read = avp_image_header()
    let outcome = shimOutcome { readHeader(bytes, bytes.count, &read, $0) }
    try ImageError.check(outcome, ImageError.introduction(name))
    size = (read.width, read.height)
    header = ImageHeader(
      width: Int(read.width), height: Int(read.height), workingBytes: Int(read.working_bytes),
      orientation: Orientation(rawValue: Int(read.orientation)) ?? .upright,
      isDeepGrey: read.deep_grey != 0)
    self.name = name
    self.bytes = bytes
    self.decode = decode
  }

  func decode(into pixels: UnsafeMutableBufferPointer<UInt8>) throws(ImageError) {
    let outcome = shimOutcome {
      decode(bytes, bytes.count, size.width, size.height, pixels.baseAddress, $0)
    }
    try ImageError.check(outcome, ImageError.introduction(name))
  }
}

extension ImageError {
  fileprivate static func introduction(_ format: String) -> String {
    "damaged or unusual \(format) file: "
  }

  /// A file of `format` that cannot be used because of `reason`.
  static func damaged(_ format: String, _ reason: String) -> ImageError {
    ImageError(introduction(format) + reason)
  }

  /// A file of `format` that lacks a part of its pixels or of what comes before them.
  static func truncated(_ format: String) -> ImageError {
    damaged(format, "it ends before the image does, the file is truncated")
  }
}
