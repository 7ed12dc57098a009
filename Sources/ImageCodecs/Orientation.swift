import Tensors

/// How a stored image has to be turned to be upright: the tag Orientation of TIFF 6.0 and Exif 2.32,
/// named by what is done to the stored rows.
package enum Orientation: Int, Sendable {
  /// Nothing.
  case upright = 1
  /// Left and right are swapped.
  case mirrored
  /// Turned by 180 degrees.
  case upsideDown
  /// Top and bottom are swapped.
  case flipped
  /// Rows and columns are swapped.
  case transposed
  /// Turned by 90 degrees clockwise.
  case turnedRight
  /// Rows and columns are swapped about the other diagonal.
  case transversed
  /// Turned by 90 degrees anticlockwise.
  case turnedLeft

  /// Whether width and height are swapped.
  package var swapsSides: Bool { rawValue >= Self.transposed.rawValue }

  fileprivate var reversesColumns: Bool {
    [.mirrored, .upsideDown, .transversed, .turnedLeft].contains(self)
  }

  fileprivate var reversesRows: Bool {
    [.upsideDown, .flipped, .turnedRight, .transversed].contains(self)
  }
}

/// What becomes of the orientation in an image's EXIF data.
package enum OrientationPolicy: String, Codable, CaseIterable, Sendable {
  /// It is passed over: the image is read as it is stored.
  case ignore
  /// The image is turned by it.
  case apply
}

extension RGBImage {
  /// The image as `orientation` wants it shown.
  package func turned(_ orientation: Orientation) -> RGBImage {
    guard orientation != .upright else { return self }
    let size = orientation.swapsSides ? (height, width) : (width, height)
    // Steps in the stored bytes for one more column, or row, of the result.
    var (across, down, start) = (3, 3 * width, 0)
    if orientation.reversesColumns { (across, start) = (-3, 3 * (width - 1)) }
    if orientation.reversesRows { (down, start) = (-down, start + 3 * width * (height - 1)) }
    if orientation.swapsSides { swap(&across, &down) }
    let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, count in
      for row in 0..<size.1 {
        for column in 0..<size.0 {
          let source = start + row * down + column * across
          for channel in 0..<3 { buffer[count + channel] = pixels[source + channel] }
          count += 3
        }
      }
    }
    return RGBImage(width: size.0, height: size.1, pixels: turned)
  }
}
