internal import CCodecShim
import Tensors

/// Compresses an image as a baseline JPEG file.
///
/// The same image and quality always give the same bytes.
/// - Parameters:
///   - image: The image; JPEG allows at most 65,500 pixels in a row or column.
///   - quality: 1 (smallest) to 100 (best), the scale of libjpeg.
/// - Returns: The bytes of the file.
/// - Throws: `ImageError` with libjpeg's reason, or when `quality` is out of range.
package func encodeJPEG(_ image: RGBImage, quality: Int) throws(ImageError) -> [UInt8] {
  guard (1...100).contains(quality) else {
    throw ImageError("the JPEG quality \(quality) is not between 1 and 100")
  }
  guard let width = UInt32(exactly: image.width), let height = UInt32(exactly: image.height) else {
    throw ImageError("\(image.width) x \(image.height) pixels are too many for a JPEG file")
  }
  var bytes: UnsafeMutablePointer<UInt8>?
  var count = 0
  let outcome = shimOutcome { message in
    avp_jpeg_encode(image.pixels, width, height, Int32(quality), &bytes, &count, message)
  }
  defer { avp_jpeg_release(bytes) }
  try ImageError.check(outcome, "the image cannot be compressed as JPEG: ")
  return Array(UnsafeBufferPointer(start: bytes, count: count))
}
