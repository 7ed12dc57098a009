internal import CCodecShim
internal import Glibc
import Tensors

/// The most pixels that a picture may have.
package let pixelLimit = 100_000_000

/// The most columns or rows: the PNG decoder keeps two whole rows of up to 8 bytes a pixel, and a
/// resizing keeps weights for every row and column.
private let sideLimit = 1_000_000

/// A JPEG or PNG file whose header has been read and found acceptable.
package struct PictureFile: Sendable {
  /// The picture's columns.
  package let width: Int
  /// The picture's rows.
  package let height: Int
  /// Bytes of memory that ``decode()`` needs, nearly: for the pixels, and for what the decoder holds
  /// meanwhile. A JPEG of several scans needs three to four times as much as one of a single scan.
  package let decodingBytes: Int

  private let bytes: [UInt8]
  private let codec: Codec

  /// Reads the header.
  ///
  /// - Throws: ``ImageError`` for another format, a damaged header, a picture without pixels, one
  ///   of more than ``pixelLimit`` pixels or a million columns or rows.
  package init(_ bytes: [UInt8]) throws(ImageError) {
    guard !bytes.isEmpty else { throw ImageError("the file is empty") }
    let format = PictureFormat(bytes)
    if let objection = format.objection { throw ImageError(objection) }
    codec = format == .jpeg ? .jpeg : .png
    let header = try codec.header(bytes)
    width = Int(header.width)
    height = Int(header.height)
    guard width > 0, height > 0 else { throw ImageError("the picture has no pixels") }
    // Both fit 32 bits, so the product fits Int.
    guard width * height <= pixelLimit, max(width, height) <= sideLimit else {
      throw ImageError(
        "the picture is too large: \(width) x \(height) pixels; at most 100 megapixels and "
          + "1,000,000 columns or rows can be read")
    }
    decodingBytes = width * height * 3 + Int(header.working_bytes)
    self.bytes = bytes
  }

  /// The picture; see ``decodeImage(_:)``.
  package func decode() throws(ImageError) -> RGBImage {
    let byteCount = width * height * 3
    // Without memory an array ends the process; asked like this, the system can say no. (A malloc
    // that is freed at once does not survive the optimiser.)
    let room = mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let room, room != MAP_FAILED else {
      throw ImageError.noMemory(for: "\(width) x \(height) pixels")
    }
    munmap(room, byteCount)
    var result = (status: AVP_CODEC_REFUSED, message: "")
    // The decoder writes the array's storage directly, so that no pixel is first set to zero; the
    // bytes count as written only if it succeeded.
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      result = codec.decode(bytes, width: width, height: height, into: buffer)
      count = result.status == AVP_CODEC_DONE ? byteCount : 0
    }
    try codec.check(result)
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}

/// The two decoders of the shim.
private enum Codec: String {
  case jpeg = "JPEG"
  case png = "PNG"

  /// Status and reason of a function of the shim.
  typealias Outcome = (status: Int, message: String)

  func header(_ bytes: [UInt8]) throws(ImageError) -> avp_picture_header {
    var header = avp_picture_header()
    try check(
      shimOutcome { message in
        switch self {
        case .jpeg: avp_jpeg_header(bytes, bytes.count, &header, message)
        case .png: avp_png_header(bytes, bytes.count, &header, message)
        }
      })
    return header
  }

  func decode(
    _ bytes: [UInt8], width: Int, height: Int, into buffer: UnsafeMutableBufferPointer<UInt8>
  ) -> Outcome {
    shimOutcome { message in
      let (width, height, pixels) = (UInt32(width), UInt32(height), buffer.baseAddress)
      return switch self {
      case .jpeg: avp_jpeg_decode(bytes, bytes.count, width, height, pixels, message)
      case .png: avp_png_decode(bytes, bytes.count, width, height, pixels, message)
      }
    }
  }

  func check(_ outcome: Outcome) throws(ImageError) {
    try ImageError.check(outcome, "damaged or unusual \(rawValue) file: ")
  }
}
