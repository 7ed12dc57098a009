internal import Glibc
import Tensors

/// The most pixels that an image may have.
package let pixelLimit = 100_000_000

/// The most columns or rows: the PNG decoder keeps two whole rows of up to 8 bytes a pixel, and a
/// resizing keeps weights for every row and column.
private let sideLimit = 1_000_000

/// An image's file whose header has been read and found acceptable.
package struct ImageFile: Sendable {
  /// The image's columns.
  package let width: Int
  /// The image's rows.
  package let height: Int
  /// Bytes of memory that ``decode()`` needs, nearly: for the pixels, and for what the decoder holds
  /// meanwhile. A JPEG of several scans needs three to four times as much as one of a single scan.
  package let decodingBytes: Int

  private let decoder: any ImageDecoder
  private let orientation: Orientation

  /// Reads the header.
  ///
  /// - Parameter policy: what becomes of an orientation in EXIF data. A TIFF file is turned by its
  ///   own in any case.
  /// - Throws: ``ImageError`` for another format, a damaged header, an image without pixels, one
  ///   of more than ``pixelLimit`` pixels or a million columns or rows.
  package init(
    _ bytes: [UInt8], orientation policy: OrientationPolicy = .ignore
  ) throws(ImageError) {
    guard !bytes.isEmpty else { throw ImageError("the file is empty") }
    decoder = try ImageFormat(bytes).decoder(bytes)
    let header = decoder.header
    let sides = (header.width, header.height)
    orientation =
      policy == .apply ? Orientation(exifOf: bytes) ?? header.orientation : header.orientation
    (width, height) = orientation.swapsSides ? (sides.1, sides.0) : sides
    guard width > 0, height > 0 else { throw ImageError("the image has no pixels") }
    // The sides first: their product may not fit Int.
    guard max(width, height) <= sideLimit, width * height <= pixelLimit else {
      throw ImageError(
        "the image is too large: \(width) x \(height) pixels; at most 100 megapixels and "
          + "1,000,000 columns or rows can be read")
    }
    let copies = orientation == .upright ? 1 : 2
    decodingBytes = width * height * 3 * copies + header.workingBytes
  }

  /// The image; see ``decodeImage(_:)``.
  package func decode() throws(ImageError) -> RGBImage {
    let header = decoder.header
    let byteCount = width * height * 3
    // Without memory an array ends the process; asked like this, the system can say no. (A malloc
    // that is freed at once does not survive the optimizer.)
    let room = mmap(
      nil, decodingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let room, room != MAP_FAILED else {
      throw ImageError.noMemory(for: "\(width) x \(height) pixels")
    }
    munmap(room, decodingBytes)
    var failure: ImageError?
    // The decoder writes the array's storage directly, so that no pixel is first set to zero; the
    // bytes count as written only if it succeeded.
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      do throws(ImageError) {
        try decoder.decode(into: buffer)
        count = byteCount
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return RGBImage(width: header.width, height: header.height, pixels: pixels)
      .turned(orientation)
  }
}
