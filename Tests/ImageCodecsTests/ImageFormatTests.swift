import ImageCodecs
import Testing

/// Formats are told by content.
@Suite struct ImageFormatTests {
  private static func bytes(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8($0.value) }
  }

  @Test(arguments: [
    "a text file\n", "\u{89}PNG", "\0\0\0\0", "P6", "P61 1 255 abc", "P7\n", "P3 is a number",
    "BMW and other cars of the world", "GIF80a", "RIFF    WAVE", "II*", "MM\0,", "\u{FF}\u{D8}",
  ])
  func unknownFiles(content: String) {
    let bytes = Self.bytes(content)
    #expect(ImageFormat(bytes) == .unknown)
    #expect(
      refusal(bytes)
        == "it is not an image that can be read (JPEG, PNG, WebP, GIF, BMP, PPM, PGM, PBM or TIFF)"
    )
  }

  @Test(arguments: [
    ("<!DOCTYPE html>", "an HTML page"), ("%PDF-1.7", "a PDF file"),
    ("\0\0\0\u{C}jP  ", "JPEG 2000"),
    ("\0\0\0\u{C}JXL \r\n", "JPEG XL"), ("II*\0\u{10}\0\0\0CR\u{2}\0", "raw file"),
    ("\0\0\0\u{18}ftypcrx ", "raw file"),
  ])
  func knownFilesOfOtherFormats(content: String, name: String) throws {
    let reason = try #require(refusal(Self.bytes(content)))
    #expect(reason.contains(name) && reason.contains("images can be JPEG, PNG, WebP"))
  }

  @Test(arguments: ["avif", "avis", "heic", "heix", "hevc", "mif1", "msf1"])
  func telephonesFormatsComeWithTheRemedy(brand: String) throws {
    let reason = try #require(refusal(Self.bytes("\0\0\0\u{18}ftyp\(brand)\0\0\0\0")))
    let name = brand.hasPrefix("av") ? "an AVIF file" : "a HEIC file"
    #expect(
      reason == "it is \(name), which is not read; convert it, for example with "
        + "`heif-convert IMAGE IMAGE.jpg` or ImageMagick's `convert IMAGE IMAGE.jpg`")
  }

  @Test func theBeginningOfAFileIsEnough() throws {
    let golden = try GoldenImages()
    let formats: [String: ImageFormat] = [
      "jpeg": .jpeg, "png": .png, "webp": .webp, "gif": .gif, "bmp": .bmp, "pnm": .pnm,
      "tiff": .tiff,
    ]
    for kind in golden.kinds {
      let beginning = try golden.bytes(kind).prefix(ImageFormat.beginning)
      let family = String(kind.prefix { $0 != "-" })
      #expect(ImageFormat(Array(beginning)) == formats[family], "\(kind)")
    }
  }
}
