internal import CCodecShim
public import Tensors

/// The most pixels that a picture may have.
public let pixelLimit = 100_000_000

/// The most columns or rows: the PNG decoder keeps two whole rows of up to 8 bytes a pixel, and a
/// resizing keeps weights for every row and column.
private let sideLimit = 1_000_000

/// Decodes the JPEG or PNG file in `bytes`, whichever it is, to 8-bit RGB.
///
/// The pixels are those of the Pillow library's `Image.open(path).convert("RGB")`: alpha is
/// dropped, not blended, CMYK is taken as inverted, and neither the orientation in EXIF data nor
/// colour profiles nor gamma change anything. Of 16 bits a colour the upper 8 count; in a 16-bit
/// grey PNG without alpha, values above 255 are white.
///
/// - Returns: A picture of at most ``pixelLimit`` pixels.
/// - Throws: ``ImageError`` for another format, a damaged or truncated file, or a larger picture,
///   which is refused before any memory is taken for it. Slight damage that the JPEG format can
///   recover from passes.
public func decodeImage(_ bytes: [UInt8]) throws(ImageError) -> RGBImage {
  guard !bytes.isEmpty else { throw ImageError("the file is empty") }
  switch PictureFormat(bytes) {
  case .jpeg:
    return try decode(bytes, "damaged or unusual JPEG file: ", avp_jpeg_size, avp_jpeg_decode)
  case .png:
    return try decode(bytes, "damaged or unusual PNG file: ", avp_png_size, avp_png_decode)
  case .other(let name):
    throw ImageError("it is \(name); only JPEG and PNG pictures can be read")
  case .unknown:
    throw ImageError("it is neither a JPEG nor a PNG file")
  }
}

private typealias SizeReader = (
  UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<UInt32>?,
  UnsafeMutablePointer<CChar>?
) -> Int32

private typealias Decoder = (
  UnsafePointer<UInt8>?, Int, UInt32, UInt32, UnsafeMutablePointer<UInt8>?,
  UnsafeMutablePointer<CChar>?
) -> Int32

/// Reads the size, checks it, and decodes into an array of just that size.
private func decode(
  _ bytes: [UInt8], _ introduction: String, _ readSize: SizeReader, _ decode: Decoder
) throws(ImageError) -> RGBImage {
  var message = [CChar](repeating: 0, count: Int(AVP_CODEC_MESSAGE_SIZE))
  var width: UInt32 = 0
  var height: UInt32 = 0
  guard readSize(bytes, bytes.count, &width, &height, &message) == 0 else {
    throw ImageError(introduction, message: message)
  }
  let byteCount = try byteCount(width: Int(width), height: Int(height))
  var status: Int32 = 1
  // The decoder writes the array's storage directly, so that no pixel is first set to zero; the
  // bytes count as written only if it succeeded.
  let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
    status = decode(bytes, bytes.count, width, height, buffer.baseAddress, &message)
    count = status == 0 ? byteCount : 0
  }
  guard status == 0 else { throw ImageError(introduction, message: message) }
  return RGBImage(width: Int(width), height: Int(height), pixels: pixels)
}

/// The bytes of an RGB picture, after a check that it is neither empty nor too large.
private func byteCount(width: Int, height: Int) throws(ImageError) -> Int {
  guard width > 0, height > 0 else { throw ImageError("the picture has no pixels") }
  // Both fit 32 bits, so the product fits Int.
  guard width * height <= pixelLimit, max(width, height) <= sideLimit else {
    throw ImageError(
      "the picture is too large: \(width) x \(height) pixels; at most 100 megapixels and "
        + "1,000,000 columns or rows can be read")
  }
  return width * height * 3
}
