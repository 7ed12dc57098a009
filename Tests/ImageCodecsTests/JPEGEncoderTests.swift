import ImageCodecs
import Tensors
import Testing

@Suite struct JPEGEncoderTests {
  private let image = RGBImage(
    width: 37, height: 21, pixels: (0..<37 * 21 * 3).map { UInt8(truncatingIfNeeded: $0 / 8) })

  @Test func writesAJPEGFile() throws {
    let bytes = try encodeJPEG(image, quality: 90)
    #expect(bytes.prefix(3) == [0xFF, 0xD8, 0xFF])
    #expect(bytes.suffix(2) == [0xFF, 0xD9])
  }

  @Test func givesTheSameBytesAgain() throws {
    #expect(try encodeJPEG(image, quality: 75) == encodeJPEG(image, quality: 75))
  }

  @Test func betterQualityIsLarger() throws {
    let sizes = try [10, 50, 95].map { try encodeJPEG(image, quality: $0).count }
    #expect(sizes == sizes.sorted() && Set(sizes).count == 3)
  }

  @Test func decodesToAboutTheSameImage() throws {
    var pixels: [UInt8] = []
    for y in 0..<30 {
      for x in 0..<45 {
        pixels.append(UInt8(5 * x))
        pixels.append(UInt8(8 * y))
        pixels.append(UInt8(250 - 3 * x - 2 * y))
      }
    }
    let smooth = RGBImage(width: 45, height: 30, pixels: pixels)
    let decoded = try decodeImage(encodeJPEG(smooth, quality: 95))
    #expect(decoded.width == 45 && decoded.height == 30)
    let differences = zip(smooth.pixels, decoded.pixels).map { abs(Int($0) - Int($1)) }
    #expect(differences.reduce(0, +) < 3 * differences.count)
    #expect((differences.max() ?? 0) < 32)
  }

  @Test func largeImagesGrowTheBuffer() throws {
    var random = CounterRandom(seed: 0, purpose: .demoFigures)
    let noise = RGBImage(
      width: 700, height: 500,
      pixels: (0..<700 * 500 * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    let bytes = try encodeJPEG(noise, quality: 100)
    #expect(bytes.count > 262_144)
    #expect(bytes.suffix(2) == [0xFF, 0xD9])
  }

  @Test(arguments: [Int.min, -1, 0, 101])
  func refusesAQualityOutOfRange(quality: Int) {
    let error = #expect(throws: ImageError.self) { try encodeJPEG(image, quality: quality) }
    #expect(error?.description.contains("\(quality)") == true)
  }

  @Test func passesOnWhyLibjpegFailed() {
    let wide = RGBImage(width: 70_000, height: 1, pixels: Array(repeating: 0, count: 210_000))
    let error = #expect(throws: ImageError.self) { try encodeJPEG(wide, quality: 50) }
    #expect(error?.description.contains("65500") == true)
  }
}
