/// A decoded image: 8 bits each of red, green and blue, rows from top to bottom.
package struct RGBImage: Sendable, Equatable {
  /// Pixels in a row, at least 1.
  package let width: Int
  /// Rows, at least 1.
  package let height: Int
  /// `height * width * 3` bytes: row by row, interleaved R, G, B.
  package var pixels: [UInt8]

  /// Makes an image from its interleaved bytes.
  ///
  /// - Precondition: `pixels.count == width * height * 3`.
  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0 && pixels.count == width * height * 3)
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}
