import Tensors

/// Decodes the image in `bytes`, whichever ``ImageFormat`` it has, to 8-bit RGB.
///
/// The pixels are those of the Pillow library's `Image.open(path).convert("RGB")`: alpha is
/// dropped, not blended, CMYK in a JPEG is taken as inverted, of animations and files of several
/// pages the first image is read, and neither the orientation in EXIF data nor colour profiles
/// nor gamma change anything; only TIFF files are turned by their orientation. Of 16 bits a colour
/// the upper 8 count; of 16 bits of grey without alpha, values above 255 are white.
/// ``ImageNotes`` tells of such files.
///
/// - Returns: An image of at most ``pixelLimit`` pixels.
/// - Throws: ``ImageError`` for another format, a damaged or truncated file, or a larger image,
///   which is refused before any memory is taken for it; and where there is no memory. Slight
///   damage that the JPEG format can recover from passes, and so does whatever is wrong behind the
///   last row.
package func decodeImage(_ bytes: [UInt8]) throws(ImageError) -> RGBImage {
  try ImageFile(bytes).decode()
}
