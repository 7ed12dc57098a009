internal import CCodecShim
import Tensors

/// Compresses a picture as a baseline JPEG file.
///
/// The same picture and quality always give the same bytes.
/// - Parameters:
///   - image: The picture; JPEG allows at most 65,500 pixels in a row or column.
///   - quality: 1 (smallest) to 100 (best), the scale of libjpeg.
/// - Returns: The bytes of the file.
/// - Throws: `ImageError` with libjpeg's reason, or when `quality` is out of range.
public func encodeJPEG(_ image: RGBImage, quality: Int) throws(ImageError) -> [UInt8] {
  guard (1...100).contains(quality) else {
    throw ImageError("The JPEG quality \(quality) is not between 1 and 100.")
  }
  guard let width = UInt32(exactly: image.width), let height = UInt32(exactly: image.height) else {
    throw ImageError("A picture of \(image.width) x \(image.height) pixels is too large for JPEG.")
  }
  var bytes: UnsafeMutablePointer<UInt8>?
  var count = 0
  var message = [CChar](repeating: 0, count: Int(AVP_JPEG_MESSAGE_SIZE))
  let status = avp_jpeg_encode(
    image.pixels, width, height, Int32(quality), &bytes, &count, &message)
  defer { avp_jpeg_release(bytes) }
  guard status == 0, let bytes else {
    let reason = String(
      decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    throw ImageError("Could not compress the picture as JPEG: \(reason).")
  }
  return Array(UnsafeBufferPointer(start: bytes, count: count))
}
