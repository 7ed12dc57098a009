import ImageCodecs
import Tensors
import Testing

@Suite struct JPEGEncoderTests {
  private let picture = RGBImage(
    width: 37, height: 21, pixels: (0..<37 * 21 * 3).map { UInt8(truncatingIfNeeded: $0 / 8) })

  @Test func writesAJPEGFile() throws {
    let bytes = try encodeJPEG(picture, quality: 90)
    #expect(bytes.prefix(3) == [0xFF, 0xD8, 0xFF])
    #expect(bytes.suffix(2) == [0xFF, 0xD9])
  }

  @Test func givesTheSameBytesAgain() throws {
    #expect(try encodeJPEG(picture, quality: 75) == encodeJPEG(picture, quality: 75))
  }

  @Test func betterQualityIsLarger() throws {
    let sizes = try [10, 50, 95].map { try encodeJPEG(picture, quality: $0).count }
    #expect(sizes == sizes.sorted() && Set(sizes).count == 3)
  }

  @Test func largePicturesGrowTheBuffer() throws {
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
    let error = #expect(throws: ImageError.self) { try encodeJPEG(picture, quality: quality) }
    #expect(error?.description.contains("\(quality)") == true)
  }

  @Test func passesOnWhyLibjpegFailed() {
    let wide = RGBImage(width: 70_000, height: 1, pixels: Array(repeating: 0, count: 210_000))
    let error = #expect(throws: ImageError.self) { try encodeJPEG(wide, quality: 50) }
    #expect(error?.description.contains("65500") == true)
  }
}
