/// What a file is, judged by its first bytes; names and extensions often lie.
package enum PictureFormat: Equatable, Sendable {
  /// JPEG.
  case jpeg
  /// PNG.
  case png
  /// A format that is known, but not read.
  case other(String)
  /// Anything else.
  case unknown

  /// Why a picture of this format cannot be read; nil for one that can.
  package var objection: String? {
    switch self {
    case .jpeg, .png: nil
    case .other(let name): "it is \(name); only JPEG and PNG pictures can be read"
    case .unknown: "it is neither a JPEG nor a PNG file"
    }
  }

  /// The format of a file that begins with `bytes`.
  package init(_ bytes: [UInt8]) {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else {
      self = Self.otherFormat(bytes).map(Self.other) ?? .unknown
    }
  }

  /// The name of a format whose mark stands at the beginning or, for the families that wrap their
  /// data, some bytes later.
  private static func otherFormat(_ bytes: [UInt8]) -> String? {
    let marks: [(offset: Int, mark: String, name: String)] = [
      (0, "GIF8", "a GIF file"), (0, "BM", "a BMP file"), (8, "WEBP", "a WebP file"),
      (0, "II*\0", "a TIFF file"), (0, "MM\0*", "a TIFF file"), (4, "ftypavi", "an AVIF file"),
      (4, "ftyphe", "a HEIC file"), (4, "ftypmif1", "a HEIC file"), (4, "jP  ", "a JPEG 2000 file"),
      (0, "%PDF", "a PDF file"), (0, "<svg", "an SVG file"), (0, "<!DOCTYPE", "an HTML page"),
      (0, "<!doctype", "an HTML page"), (0, "<html", "an HTML page"),
    ]
    return marks.first { bytes.dropFirst($0.offset).starts(with: $0.mark.utf8) }?.name
  }
}
