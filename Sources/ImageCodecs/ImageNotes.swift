/// What an image's file says that decoding passes over, so that the network sees another image
/// than a person in a viewer does.
package struct ImageNotes: Codable, Equatable, Sendable {
  /// Whether the EXIF data have an orientation other than upright that is not applied.
  package let isTurned: Bool
  /// Whether it is grey of 16 bits, of which values above 255 become white.
  package let isDeepGrey: Bool

  /// An image with these properties.
  package init(isTurned: Bool = false, isDeepGrey: Bool = false) {
    self.isTurned = isTurned
    self.isDeepGrey = isDeepGrey
  }

  /// What the file in `bytes` says, whether or not it can be decoded. Looks at headers only.
  ///
  /// - Parameter policy: what becomes of an orientation in EXIF data.
  package init(_ bytes: [UInt8], orientation policy: OrientationPolicy = .ignore) {
    let orientation = policy == .ignore ? Orientation(exifOf: bytes) ?? .upright : .upright
    self.init(isTurned: orientation != .upright, isDeepGrey: Self.isDeepGrey(bytes))
  }

  private static func isDeepGrey(_ bytes: [UInt8]) -> Bool {
    switch ImageFormat(bytes) {
    // Bit depth and colour type of IHDR, which always comes first.
    case .png: bytes.count > 25 && bytes[24] == 16 && bytes[25] == 0
    case .pnm, .tiff: (try? ImageFormat(bytes).decoder(bytes))?.header.isDeepGrey == true
    case .jpeg, .webp, .gif, .bmp, .other, .unknown: false
    }
  }
}
