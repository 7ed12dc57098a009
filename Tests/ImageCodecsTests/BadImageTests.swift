import Foundation
import ImageCodecs
import Tensors
import Testing

@Suite struct BadImageTests {
  private let golden: GoldenImages
  private let jpeg: [UInt8]
  private let png: [UInt8]

  init() throws {
    golden = try GoldenImages()
    jpeg = try golden.bytes("jpeg-420")
    png = try golden.bytes("png-rgb-8")
  }

  @Test func emptyFile() {
    #expect(refusal([]) == "the file is empty")
  }

  /// The two bytes at the end are its mark, behind the last row. Damage may have left bytes before
  /// them that no row needs.
  @Test func truncatedJPEGsAreRefusedUnlessAllPixelsAreThere() throws {
    for kind in golden.kinds where kind.hasPrefix("jpeg-") && kind != "jpeg-trailing-bytes" {
      let bytes = try golden.bytes(kind)
      let pixels = try golden.pixels(kind).values
      for count in 0..<bytes.count {
        let image = try? decodeImage(Array(bytes.prefix(count)))
        #expect(image == nil || image?.pixels == pixels, "\(kind), \(count) bytes")
        #expect(
          image == nil || count >= bytes.count - 2 || kind == "jpeg-damaged",
          "\(kind), \(count) bytes")
      }
    }
    #expect(refusal(jpeg.dropLast(3))?.contains("truncated") == true)
  }

  @Test func truncatedPNGsAreRefusedUnlessAllPixelsAreThere() throws {
    for kind in golden.kinds where kind.hasPrefix("png-") {
      let bytes = try golden.bytes(kind)
      let pixels = try golden.pixels(kind).values
      for count in 0..<bytes.count {
        let image = try? decodeImage(Array(bytes.prefix(count)))
        #expect(image == nil || image?.pixels == pixels, "\(kind), \(count) bytes")
        #expect(image == nil || count >= bytes.count - 12, "\(kind), \(count) bytes")
      }
    }
    #expect(refusal(png.dropLast(30))?.contains("truncated") == true)
  }

  @Test(arguments: [(0, 10), (10, 0), (0, 0)])
  func imagesWithoutPixels(width: Int, height: Int) {
    #expect(refusal(jpeg.resizedJPEG(width, height)) != nil)
    #expect(refusal(png.resizedPNG(width, height)) != nil)
  }

  @Test(arguments: [(10_001, 10_000), (65_500, 65_500), (10_000, 10_001)])
  func imagesOverTheLimitAreRefusedByTheirHeader(width: Int, height: Int) {
    for bytes in [jpeg.resizedJPEG(width, height), png.resizedPNG(width, height)] {
      let reason = refusal(bytes)
      #expect(reason?.contains("too large: \(width) x \(height)") == true, "\(reason ?? "")")
    }
  }

  @Test func hugePNGs() {
    let largest = Int(Int32.max)
    for (width, height) in [(largest, largest), (largest, 1), (1_000_001, 1), (1, 1_000_001)] {
      #expect(refusal(png.resizedPNG(width, height))?.contains("too large") == true)
    }
    #expect(refusal(png.resizedPNG(1 << 31, 1)) != nil)
    #expect(refusal(png.resizedPNG(Int(UInt32.max), Int(UInt32.max))) != nil)
  }

  @Test func anImageAtTheLimitIsReadAsFarAsItGoes() {
    let shortJPEG = Array(jpeg.resizedJPEG(10_000, 10_000).dropLast(100))
    #expect(refusal(shortJPEG)?.contains("truncated") == true)
    #expect(refusal(png.resizedPNG(10_000, 10_000))?.contains("too large") == false)
  }

  @Test func moreScansThanAImageNeeds() throws {
    let bytes = try golden.bytes("jpeg-420-progressive")
    let starts = bytes.indices.dropLast().filter { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA }
    let last = bytes[try #require(starts.last)..<bytes.count - 2]
    let repeated = bytes.dropLast(2) + Array(repeating: last, count: 50).joined()
    #expect(refusal(repeated + bytes.suffix(2)) == nil)
    let excessive = bytes.dropLast(2) + Array(repeating: last, count: 5000).joined()
    #expect(refusal(excessive + bytes.suffix(2))?.contains("more scans") == true)
  }

  @Test func chunksThatDoNotMatterAreSkipped() throws {
    let header = png.prefix(33)
    // What would unpack to a gigabyte if anyone unpacked it, and far too many texts.
    let profile = pngChunk("iCCP", Array("x\0\0".utf8) + [0x78, 0x9C, 0xFF, 0xFF, 0xFF])
    let texts = Array(repeating: pngChunk("tEXt", Array("a\0b".utf8)), count: 20_000).joined()
    let bytes = Array(header) + profile + texts + png.dropFirst(33)
    #expect(try decodeImage(bytes) == decodeImage(png))
  }

  @Test func damageInThePixelsOfAPNGIsNoticed() {
    for place in 60..<png.count - 20 {
      var damaged = png
      damaged[place] ^= 0x10
      #expect(refusal(damaged.withRightChecks) != nil, "byte \(place)")
    }
  }

  @Test func decodersDoNotShareState() async throws {
    let kinds = golden.kinds
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<400 {
        let kind = kinds[number % kinds.count]
        let bytes = try golden.bytes(kind)
        let pixels = try golden.pixels(kind).values
        group.addTask { try decodeImage(bytes).pixels == pixels }
      }
      for try await equal in group { #expect(equal) }
    }
  }

}

/// Why the bytes are refused, nil if they are not.
func refusal(_ bytes: [UInt8]) -> String? {
  do throws(ImageError) {
    _ = try decodeImage(bytes)
    return nil
  } catch {
    return error.description
  }
}

extension [UInt8] {
  /// The JPEG file with another size in its frame header.
  func resizedJPEG(_ width: Int, _ height: Int) -> [UInt8] {
    var changed = self
    let markers: [UInt8] = [0xC0, 0xC1, 0xC2]
    guard
      let frame = indices.dropLast(9).first(where: {
        self[$0] == 0xFF && markers.contains(self[$0 + 1])
      })
    else { return self }
    for (offset, value) in [(5, height >> 8), (6, height), (7, width >> 8), (8, width)] {
      changed[frame + offset] = UInt8(truncatingIfNeeded: value)
    }
    return changed
  }

  /// The PNG file with another size in its header, and the right checks.
  func resizedPNG(_ width: Int, _ height: Int) -> [UInt8] {
    var changed = self
    for place in 0..<4 {
      changed[16 + place] = UInt8(truncatingIfNeeded: width >> (24 - 8 * place))
      changed[20 + place] = UInt8(truncatingIfNeeded: height >> (24 - 8 * place))
    }
    return changed.withRightChecks
  }
}
