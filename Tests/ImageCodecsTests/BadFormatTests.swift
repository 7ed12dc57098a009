import ImageCodecs
import Tensors
import Testing

/// What is wrong with files that are neither JPEG nor PNG.
@Suite struct BadFormatTests {
  private let golden: GoldenImages

  init() throws { golden = try GoldenImages() }

  /// A plain text may end within its last number, which nobody can notice.
  @Test func truncatedFilesAreRefusedUnlessAllPixelsAreThere() throws {
    for kind in golden.otherKinds {
      let bytes = try golden.bytes(kind)
      let pixels = try golden.pixels(kind).values
      let whole = kind.hasPrefix("pnm-plain") ? bytes.count - 5 : bytes.count
      for count in 1..<whole {
        let image = try? decodeImage(Array(bytes.prefix(count)))
        #expect(image == nil || image?.pixels == pixels, "\(kind), \(count) bytes")
      }
    }
  }

  @Test(arguments: [
    ("webp-lossy", 5), ("webp-animated", 5), ("gif-global", 9), ("bmp-rgb-24", 5),
    ("bmp-runs-8", 9),
    ("pnm-rgb-255", 1), ("pnm-bits", 1), ("pnm-plain-rgb-255", 9), ("tiff-tiff_lzw", 9),
  ])
  func truncatedFilesSaySo(kind: String, missing: Int) throws {
    let bytes = try golden.bytes(kind)
    let reason = refusal(bytes.dropLast(missing))
    // Of a TIFF file the end holds the list of its parts.
    let isNamed = reason?.contains("truncated") == true || kind.hasPrefix("tiff")
    #expect(reason != nil && isNamed, "\(reason ?? "")")
  }

  /// A size in the header, its bytes from the last one on.
  private func changed(_ kind: String, _ changes: [(offset: Int, bytes: [UInt8])]) throws -> [UInt8]
  {
    var bytes = try golden.bytes(kind)
    for (offset, content) in changes {
      bytes.replaceSubrange(offset..<offset + content.count, with: content)
    }
    return bytes
  }

  private static func little(_ value: Int, _ count: Int = 4) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  @Test(arguments: [(10_001, 10_000), (1_000_001, 1), (1, 1_000_001), (1 << 31, 1 << 31)])
  func imagesOverTheLimitAreRefusedByTheirHeader(width: Int, height: Int) throws {
    let tiff = try golden.bytes("tiff-one-pixel")
    // The entries of the size are the first ones of the directory, which follows three bytes.
    var files = [
      Array("P6 \(width) \(height) 255\n".utf8),
      try changed("bmp-rgb-24", [(18, Self.little(width)), (22, Self.little(height))]),
    ]
    #expect(tiff[14..<18] == [0, 1, 4, 0] && tiff[26..<30] == [1, 1, 4, 0])
    // libtiff itself notices that no strips of such a size are there.
    if width < 1 << 24 {
      files.append(
        try changed("tiff-one-pixel", [(22, Self.little(width)), (34, Self.little(height))]))
    }
    // The frame must fit.
    if width < 1 << 24, min(width, height) > 12 {
      files.append(
        try changed(
          "webp-animated-part", [(24, Self.little(width - 1, 3)), (27, Self.little(height - 1, 3))])
      )
    }
    if width < 1 << 16, height < 1 << 16 {
      files.append(
        try changed("gif-global", [(6, Self.little(width, 2)), (8, Self.little(height, 2))]))
    }
    for bytes in files {
      let reason = refusal(bytes)
      #expect(reason?.contains("too large: \(width) x \(height)") == true, "\(reason ?? "")")
    }
    #expect(refusal(Array("P6 9999999999 9999999999 255\n".utf8))?.contains("too large") == true)
    #expect(refusal(Array("P6 99999999999 1 255\n".utf8))?.contains("number") == true)
  }

  @Test func imagesWithoutPixels() throws {
    #expect(refusal(Array("P5 0 3 255\n".utf8)) == "the image has no pixels")
    for offset in [18, 22] {
      #expect(
        refusal(try changed("bmp-rgb-24", [(offset, [0, 0, 0, 0])])) == "the image has no pixels")
    }
    #expect(refusal(try changed("tiff-one-pixel", [(22, [0, 0, 0, 0])])) != nil)
  }

  /// A tile of 65,520 x 65,520 pixels would take 12 GB.
  @Test func aTileThatNoImageNeeds() throws {
    var bytes = try golden.bytes("tiff-channels-3-tiles-deflate")
    for tag: [UInt8] in [[0x42, 1, 4, 0], [0x43, 1, 4, 0]] {
      let entry = try #require(
        bytes.indices.dropLast(12).last { Array(bytes[$0..<$0 + 4]) == tag })
      bytes.replaceSubrange(entry + 8..<entry + 12, with: [0xF0, 0xFF, 0, 0])
    }
    #expect(refusal(bytes)?.contains("tiles are too large") == true)
  }

  @Test(arguments: [
    (259, [6, 0], "compression"), (259, [0x65, 0x87], "compression"),
    (262, [8, 0], "kind of pixels"),
    (262, [6, 0], "kind of pixels"), (277, [1, 0], "kind of pixels"),
  ])
  func kindsOfTIFFThatAreNotRead(tag: Int, value: [UInt8], words: String) throws {
    var bytes = try golden.bytes("tiff-rgb-8-little")
    let mark = Self.little(tag, 2) + [3, 0]
    let entry = try #require(bytes.indices.dropLast(12).last { Array(bytes[$0..<$0 + 4]) == mark })
    bytes.replaceSubrange(entry + 8..<entry + 10, with: value)
    #expect(refusal(bytes)?.contains(words) == true, "\(refusal(bytes) ?? "")")
  }

  @Test(arguments: [
    ("P2 2 1 255 1 256", "larger"), ("P2 2 1 255 1 x", "number"), ("P2 2 1 0 1 1", "largest value"),
    ("P5 2 1 65536 1 1", "largest value"), ("P1 2 1 0 2", "number"),
    ("P3 1 1 255 1 2", "truncated"),
    ("P2 2 -1 255", "number"), ("P2 2", "truncated"), ("P1 2 1 #0", "truncated"),
  ])
  func wrongNumbersInPNM(content: String, words: String) {
    let reason = refusal(Array(content.utf8))
    #expect(reason?.contains(words) == true, "\(reason ?? "")")
  }

  @Test func runsThatLeavePixelsOut() throws {
    let bytes = try golden.bytes("bmp-runs-8")
    let early = bytes.prefix(14 + 40 + 1024) + [5, 1, 0, 1]
    #expect(refusal(Array(early))?.contains("every pixel") == true)
  }
}
