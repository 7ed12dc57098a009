import ImageCodecs
import Tensors
import Testing

/// What files say that decoding passes over.
@Suite struct ImageNotesTests {
  private let golden: GoldenImages

  init() throws { golden = try GoldenImages() }

  /// A TIFF structure with an orientation behind another entry.
  private func exif(_ orientation: UInt8, bigEndian: Bool, type: UInt8 = 3) -> [UInt8] {
    func number(_ value: UInt8, _ bytes: Int) -> [UInt8] {
      let zeros = [UInt8](repeating: 0, count: bytes - 1)
      return bigEndian ? zeros + [value] : [value] + zeros
    }
    func entry(_ tag: [UInt8], _ type: UInt8, _ value: [UInt8]) -> [UInt8] {
      (bigEndian ? tag : tag.reversed()) + number(type, 2) + number(1, 4) + value + [0, 0]
    }
    return Array((bigEndian ? "MM\0*" : "II*\0").utf8) + number(8, 4) + number(2, 2)
      + entry([1, 0x0F], 3, number(6, 2)) + entry([1, 0x12], type, number(orientation, 2))
  }

  private func jpeg(_ exif: [UInt8]) throws -> [UInt8] {
    let bytes = try golden.bytes("jpeg-420")
    let content = Array("Exif\0\0".utf8) + exif
    let length = content.count + 2
    return bytes.prefix(2) + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + content
      + bytes.dropFirst(2)
  }

  /// What programs that edit photographs put before it, under the same marker.
  private func jpegWithXMP(_ exif: [UInt8]) throws -> [UInt8] {
    let content = Array("http://ns.adobe.com/xap/1.0/\0<x/>".utf8)
    return [0xFF, 0xD8, 0xFF, 0xE1, 0, UInt8(content.count + 2)] + content
      + (try jpeg(exif)).dropFirst(2)
  }

  private func png(_ exif: [UInt8], atEnd: Bool = false) throws -> [UInt8] {
    let bytes = try golden.bytes("png-rgb-8")
    let place = atEnd ? bytes.count - 12 : 33
    return bytes.prefix(place) + pngChunk("eXIf", exif) + bytes.dropFirst(place)
  }

  @Test func nonsenseSaysNothing() throws {
    for bytes in [[], [0xFF, 0xD8, 0xFF], [0xFF, 0xD8, 0xFF, 0xE1, 0, 0], Array("text".utf8)] {
      #expect(ImageNotes(bytes) == ImageNotes())
    }
    let whole = exif(6, bigEndian: true)
    for count in 0..<whole.count - 2 {
      #expect(ImageNotes(try jpeg(Array(whole.prefix(count)))) == ImageNotes())
      #expect(ImageNotes(try png(Array(whole.prefix(count)))) == ImageNotes())
    }
    // A directory far outside, and an orientation that is no number.
    var outside = whole
    outside[4] = 0xFF
    #expect(ImageNotes(try jpeg(outside)) == ImageNotes())
    #expect(ImageNotes(try jpeg(exif(6, bigEndian: true, type: 2))) == ImageNotes())
  }

  @Test(arguments: [false, true])
  func orientations(bigEndian: Bool) throws {
    for value in UInt8(0)...9 {
      let notes = ImageNotes(isTurned: (2...8).contains(value))
      let exif = exif(value, bigEndian: bigEndian)
      #expect(ImageNotes(try jpeg(exif)) == notes)
      #expect(ImageNotes(try jpegWithXMP(exif)) == notes)
      #expect(ImageNotes(try png(exif)) == notes)
      #expect(ImageNotes(try png(exif, atEnd: true)) == notes)
      #expect(try decodeImage(jpeg(exif)) == decodeImage(golden.bytes("jpeg-420")))
      #expect(try decodeImage(png(exif)) == decodeImage(golden.bytes("png-rgb-8")))
    }
  }

  /// Against the TIFF files whose pixels Pillow has turned, which say nothing of EXIF themselves.
  @Test func orientationsThatAreApplied() throws {
    for value in UInt8(0)...9 {
      let orientation = Orientation(rawValue: Int(value)) ?? .upright
      for (bytes, stored) in [
        (try jpeg(exif(value, bigEndian: true)), "jpeg-420"),
        (try png(exif(value, bigEndian: false)), "png-rgb-8"),
      ] {
        let file = try ImageFile(bytes, orientation: .apply)
        let expected = try decodeImage(golden.bytes(stored)).turned(orientation)
        #expect(try file.decode() == expected)
        #expect([file.width, file.height] == [expected.width, expected.height])
        #expect(ImageNotes(bytes, orientation: .apply) == ImageNotes())
      }
    }
    let webp = try golden.bytes("webp-orientation")
    #expect(
      try ImageFile(webp, orientation: .apply).decode() == decodeImage(webp).turned(.turnedRight))
    for kind in golden.kinds where kind.hasPrefix("tiff-orientation") {
      let bytes = try golden.bytes(kind)
      #expect(try ImageFile(bytes, orientation: .apply).decode() == decodeImage(bytes), "\(kind)")
    }
  }

  @Test func goldenImages() throws {
    for kind in golden.kinds {
      let notes = ImageNotes(
        isTurned: ["jpeg-orientation", "webp-orientation"].contains(kind),
        isDeepGrey: Self.isDeepGrey(kind))
      #expect(ImageNotes(try golden.bytes(kind)) == notes, "\(kind)")
    }
  }

  private static func isDeepGrey(_ kind: String) -> Bool {
    let grey = [
      "png-grey-16", "tiff-grey-16", "tiff-white-16", "pnm-grey-256", "pnm-grey-1000",
      "pnm-grey-65535", "pnm-plain-grey-256", "pnm-plain-grey-1000", "pnm-plain-grey-65535",
    ]
    return grey.contains { kind.hasPrefix($0) }
  }

  /// 24 bits a pixel, and in several scans 16 for each coefficient: with halved chroma one and a
  /// half for each pixel, in blocks of 8 x 8.
  @Test func memoryForDecoding() throws {
    for (kind, share) in [
      ("jpeg-420", 0), ("jpeg-420-progressive", 3), ("jpeg-444-progressive", 6),
    ] {
      let file = try ImageFile(golden.bytes(kind).resizedJPEG(8000, 4000))
      #expect(file.decodingBytes == 8000 * 4000 * (3 + share), "\(kind)")
    }
    let png = try ImageFile(golden.bytes("png-rgb-8-interlaced").resizedPNG(8000, 4000))
    #expect(png.decodingBytes == 8000 * 4000 * 3)
  }
}
