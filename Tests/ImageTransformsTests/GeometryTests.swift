import Foundation
import Tensors
import Testing

@testable import ImageTransforms

@Suite struct GeometryTests {
  /// The mean colour of torchvision's normalisation, as `scripts/make-golden-geometry` has it.
  @Test(arguments: Preset.allCases)
  func squaresAreTorchvisionsAndPillows(preset: Preset) throws {
    let golden = try GoldenTransforms("geometry")
    let cases = try golden.file.doubles("cases")
    #expect(cases.shape[0] == 18)
    for number in 0..<cases.shape[0] {
      let source = try golden.image("\(number).source")
      for resize in [Geometry.Resize.crop, .pad] {
        let transform = ImageTransform(
          preset: preset,
          geometry: Geometry(
            size: Int(cases.values[number * 4 + 2]), resize: resize,
            cropRatio: cases.values[number * 4 + 3]),
          normalisation: .torch)
        let expected = try golden.image("\(number).\(resize.rawValue).\(preset.rawValue)")
        #expect(
          largestDifference(transform.resized(source), expected) == 0, "\(number) \(resize)")
      }
    }
  }

  @Test func theShorterSideIsThatOfThePresetsOfTorchvision() {
    for (size, ratio, shorter) in [
      (224, 0.875, 256), (224, 0.965, 232), (160, 0.875, 182), (512, 0.875, 585), (96, 1, 96),
    ] {
      #expect(Geometry(size: size, cropRatio: ratio).shorterSide == shorter)
    }
  }

  /// Nothing but what is in the square is computed: of a line the whole would be gigabytes.
  @Test(arguments: Preset.allCases, [(1, 60_000), (60_000, 1)])
  func aLineIsCroppedAndPadded(preset: Preset, extent: (Int, Int)) {
    let line = RGBImage(
      width: extent.0, height: extent.1, pixels: Array(repeating: 9, count: 180_000))
    for resize in Geometry.Resize.allCases {
      let transform = ImageTransform(
        preset: preset, geometry: Geometry(resize: resize), normalisation: .caffe)
      let square = transform.resized(line)
      #expect(square.width == 224 && square.height == 224)
      #expect(transform.paddingColour == [124, 117, 104])
      let colours: Set<[UInt8]> = resize == .pad ? [[9, 9, 9], [124, 117, 104]] : [[9, 9, 9]]
      #expect(
        Set(stride(from: 0, to: 224 * 224 * 3, by: 3).map { Array(square.pixels[$0..<$0 + 3]) })
          == colours)
    }
  }

  @Test func survivesJSONAndRefusesWhatCannotBe() throws {
    let geometry = Geometry(size: 160, resize: .crop, cropRatio: 0.9)
    let text = String(decoding: try JSONEncoder().encode(geometry), as: UTF8.self)
    #expect(try JSONDecoder().decode(Geometry.self, from: Data(text.utf8)) == geometry)
    for (old, new) in [("160", "0"), ("160", "100"), ("160", "544"), ("0.9", "0"), ("0.9", "1e9")] {
      let changed = text.replacing(old, with: new)
      #expect(throws: DecodingError.self, "\(changed)") {
        try JSONDecoder().decode(Geometry.self, from: Data(changed.utf8))
      }
    }
  }
}
