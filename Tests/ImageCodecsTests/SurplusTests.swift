import FileIO
import Foundation
import ImageCodecs
import Testing

/// Images whose rows are all there, and whose files end in an unusual way.
@Suite struct SurplusTests {
  private let golden: GoldenImages

  init() throws { golden = try GoldenImages() }

  /// What follows the last row where cameras and tools add something of their own.
  private static let trailers: [[UInt8]] = [
    [], Array("SEFH a maker's trailer".utf8), [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0],
    Array("text and an inner image".utf8) + [0xFF, 0xD8, 0xFF, 0xC0, 0, 4, 0, 0, 0xFF, 0xDA],
    [0, 0xFF, 0xE1, 0xFF, 0xFF, 1, 2, 3], [0xFF], [UInt8](repeating: 0, count: 1000),
  ]

  /// Kinds in which libjpeg notices where the bits of a row are missing.
  private var jpegs: [String] {
    golden.kinds.filter {
      $0.hasPrefix("jpeg-") && !$0.contains("arithmetic") && !$0.contains("trailing")
    }
  }

  @Test func jpegsWithoutEndMarker() throws {
    for kind in jpegs {
      let (bytes, pixels) = (try golden.bytes(kind), try golden.pixels(kind).values)
      for (number, trailer) in Self.trailers.enumerated() {
        let image = try? decodeImage(bytes.dropLast(2) + trailer)
        #expect(image?.pixels == pixels, "\(kind), trailer \(number)")
      }
    }
  }

  /// An inner image behind a cut one shows where the bits end; its own end marker is missing too.
  @Test func jpegsOfWhichARowIsMissing() throws {
    for kind in jpegs where kind != "jpeg-damaged" {
      let bytes = try golden.bytes(kind)
      for count in stride(from: bytes.count - 3, to: 0, by: -7) {
        let cut = bytes.prefix(count) + Self.trailers[2]
        #expect(refusal(Array(cut)) != nil, "\(kind), \(count) bytes")
      }
    }
  }

  /// An arithmetic decoder takes the end for zeros, so that such a file needs its end marker.
  @Test(arguments: ["jpeg-arithmetic", "jpeg-arithmetic-progressive"])
  func jpegsThatNeedTheirEndMarker(kind: String) throws {
    let bytes = try golden.bytes(kind)
    for trailer in Self.trailers {
      #expect(refusal(bytes.dropLast(2) + trailer) != nil)
    }
  }

  @Test func pngsWithSurplusBytes() throws {
    for kind in golden.kinds where kind.hasPrefix("png-") {
      let (bytes, pixels) = (try golden.bytes(kind), try golden.pixels(kind).values)
      for surplus in [[0], [1, 2, 3], [UInt8](repeating: 0x78, count: 70_000)] {
        let image = try? decodeImage(bytes.withPixels { $0 + surplus })
        #expect(image?.pixels == pixels, "\(kind)")
      }
    }
  }

  @Test func pngsWithSurplusRows() throws {
    for kind in golden.kinds where kind.hasPrefix("png-") && !kind.contains("interlaced") {
      let (shape, pixels) = try golden.pixels(kind)
      for height in Set([1, max(1, shape[0] - 1)]) {
        let short = try golden.bytes(kind).resizedPNG(shape[1], height)
        #expect(
          try decodeImage(short).pixels == Array(pixels.prefix(height * shape[1] * 3)), "\(kind)")
      }
    }
  }

  @Test func pngsWithoutTheChecksumOfThePixels() throws {
    for kind in golden.kinds where kind.hasPrefix("png-") && kind != "png-without-end" {
      let (bytes, pixels) = (try golden.bytes(kind), try golden.pixels(kind).values)
      for count in 1...4 {
        let open = bytes.withPixels { $0.dropLast(count) }
        #expect((try? decodeImage(open))?.pixels == pixels, "\(kind), \(count) bytes")
        // Then the chunk's own checksum must be right, and the file must not end there.
        var wrong = open
        wrong[open.count - 13] ^= 1
        #expect(refusal(wrong) != nil, "\(kind)")
        #expect(refusal(open.dropLast(12)) != nil, "\(kind)")
      }
      for byte in 1...4 {
        let wrong = bytes.withPixels { pixels in
          var pixels = pixels
          pixels[pixels.count - byte] ^= 0x20
          return pixels
        }
        #expect(refusal(wrong) != nil, "\(kind)")
      }
    }
  }

  @Test func pngsOfWhichARowIsMissing() throws {
    for kind in golden.kinds where kind.hasPrefix("png-") {
      let (shape, bytes) = (try golden.pixels(kind).shape, try golden.bytes(kind))
      #expect(refusal(bytes.resizedPNG(shape[1], shape[0] + 1)) != nil, "\(kind)")
      #expect(refusal(bytes.withPixels { $0.dropLast($0.count / 2) }) != nil, "\(kind)")
    }
  }

  /// The same pixels as Pillow reads, by the beginning of their SHA-256.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["AVP_TEST_CASES"] != nil,
      "AVP_TEST_CASES is not set"),
    arguments: [
      ("jpeg-without-eoi.jpg", "534583512e31"), ("png-surplus-bytes.png", "f3f8c815d299"),
      ("grey16.png", "5d07e582e05a"), ("exif-rotated.jpg", "90800ffc0a2b"),
    ])
  func filesThatPeopleHave(name: String, digest: String) throws {
    let folder = try #require(ProcessInfo.processInfo.environment["AVP_TEST_CASES"])
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
    #expect(try sha256(decodeImage(bytes).pixels).hasPrefix(digest))
    let notes = ImageNotes(
      isTurned: name.hasPrefix("exif"), isDeepGrey: name.hasPrefix("grey"))
    #expect(ImageNotes(bytes) == notes)
  }
}
