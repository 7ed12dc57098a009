/// What a file is, judged by its first bytes; names and extensions often lie.
package enum ImageFormat: Equatable, Sendable {
  /// JPEG.
  case jpeg
  /// PNG.
  case png
  /// WebP, still or animated.
  case webp
  /// GIF, still or animated.
  case gif
  /// A Windows or OS/2 bitmap.
  case bmp
  /// PPM, PGM or PBM.
  case pnm
  /// TIFF or BigTIFF.
  case tiff
  /// A format that is known, but not read.
  case other(String)
  /// Anything else.
  case unknown

  /// The formats that can be read, for a person.
  package static let readable = "JPEG, PNG, WebP, GIF, BMP, PPM, PGM, PBM or TIFF"

  /// Its name; nil for one that is not read.
  package var name: String? { Self.names.first { $0.format == self }?.name }

  /// The format that a file's name promises by its extension; nil where it is none of those read.
  package init?(ofName name: String) {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    let letters = name[name.index(after: dot)...].lowercased()
    guard let format = Self.names.first(where: { $0.extensions.contains(letters) })?.format else {
      return nil
    }
    self = format
  }

  private static let names: [(format: ImageFormat, name: String, extensions: Set<String>)] = [
    (.jpeg, "JPEG", ["jfif", "jpe", "jpeg", "jpg"]), (.png, "PNG", ["png"]),
    (.webp, "WebP", ["webp"]), (.gif, "GIF", ["gif"]), (.bmp, "BMP", ["bmp"]),
    (.pnm, "PNM", ["pbm", "pgm", "pnm", "ppm"]), (.tiff, "TIFF", ["tif", "tiff"]),
  ]

  /// How many bytes at a file's beginning tell its format.
  package static let beginning = 32

  /// Whether an image of this format can be read.
  package var isReadable: Bool { objection == nil }

  /// Why an image of this format cannot be read; nil for one that can.
  package var objection: String? {
    switch self {
    case .jpeg, .png, .webp, .gif, .bmp, .pnm, .tiff: nil
    case .other(let name) where isFromPhone:
      "it is \(name), which is not read; convert it, for example with \(Self.converter)"
    case .other(let name): "it is \(name); images can be \(Self.readable)"
    case .unknown: "it is not an image that can be read (\(Self.readable))"
    }
  }

  /// The format of a file that begins with `bytes`.
  package init(_ bytes: [UInt8]) {
    func has(_ mark: String, at offset: Int = 0) -> Bool {
      bytes.dropFirst(offset).starts(with: mark.utf8)
    }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if has("RIFF"), has("WEBP", at: 8) {
      self = .webp
    } else if has("GIF87a") || has("GIF89a") {
      self = .gif
    } else if has("BM"), let size = bytes[...].number(at: 14, bytes: 4, bigEndian: false),
      BMPDecoder.headerSizes.contains(size)
    {
      self = .bmp
    } else if PNMDecoder.isBeginning(bytes) {
      self = .pnm
    } else if ["II*\0", "MM\0*", "II+\0", "MM\0+"].contains(where: { has($0) }), !has("CR", at: 8) {
      self = .tiff
    } else {
      self = Self.marks.first { has($0.mark, at: $0.offset) }.map { .other($0.name) } ?? .unknown
    }
  }

  /// Commands that make a JPEG file of HEIC and AVIF images.
  package static let converter =
    "`heif-convert IMAGE IMAGE.jpg` or ImageMagick's `convert IMAGE IMAGE.jpg`"

  /// Whether it is HEIC or AVIF, as telephones write them.
  package var isFromPhone: Bool { self == .other("an AVIF file") || self == .other("a HEIC file") }

  /// Marks that stand at the beginning or, for the families that wrap their data, some bytes later.
  private static let marks: [(offset: Int, mark: String, name: String)] = [
    (4, "ftypavi", "an AVIF file"), (4, "ftyphe", "a HEIC file"), (4, "ftypmif1", "a HEIC file"),
    (4, "ftypmsf1", "a HEIC file"), (4, "jP  ", "a JPEG 2000 file"), (4, "JXL ", "a JPEG XL file"),
    (4, "ftypcrx", "a camera's raw file"), (8, "CR", "a camera's raw file"),
    (0, "%PDF", "a PDF file"), (0, "<svg", "an SVG file"), (0, "<!DOCTYPE", "an HTML page"),
    (0, "<!doctype", "an HTML page"), (0, "<html", "an HTML page"),
  ]
}
