import Foundation
import ImageCodecs
import ResNetWeights
import TensorFormats
import Tensors
import Testing

@testable import ImageTransforms

@Suite struct GoldenTransformTests {
  private let golden: GoldenTransforms

  init() throws { golden = try GoldenTransforms() }

  @Test func resizingGivesPillowsPixels() throws {
    let numbers = golden.file.names.compactMap { name in
      name.hasPrefix("resize.") ? Int(name.split(separator: ".")[1]) : nil
    }
    #expect(Set(numbers).count == 15)
    for number in Set(numbers) {
      let source = try golden.image("resize.\(number).source")
      let bilinear = try golden.image("resize.\(number).bilinear")
      let nearest = try golden.image("resize.\(number).nearest")
      let (width, height) = (bilinear.width, bilinear.height)
      let mixed = source.resizedBilinear(width: width, height: height)
      let copied = source.resizedNearest(width: width, height: height)
      #expect(largestDifference(mixed, bilinear) == 0, "size \(number)")
      #expect(largestDifference(copied, nearest) == 0, "size \(number)")
    }
  }

  @Test(arguments: ["wide", "square"])
  func pytorchVariationsGiveTorchvisionsPixels(shape: String) throws {
    let source = try golden.image("\(shape).source")
    for (number, variation) in try golden.variations().enumerated() {
      let expected = try golden.image("\(shape).pytorch.\(number)")
      let varied = source.affineNearest(variation)
      #expect(largestDifference(varied, expected) == 0, "variation \(number)")
    }
  }

  @Test(arguments: ["wide", "square"])
  func kerasVariationsGiveItsValues(shape: String) throws {
    let source = try golden.image("\(shape).source")
    for (number, variation) in try golden.variations().enumerated() {
      let expected = try golden.floats("\(shape).keras.\(number)")
      let difference = largestDifference(source.affineBilinear(variation), expected)
      #expect(difference < 1e-4, "variation \(number)")
    }
  }

  @Test(arguments: Preset.allCases)
  func wholeWayFromPixelsToNumbers(preset: Preset) throws {
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 16), normalisation: preset.normalisation)
    let source = try golden.image("input.source")
    let plain = try golden.floats("input.\(preset.rawValue)")
    #expect(largestDifference(transform.input(of: source), plain) == 0)
    let variation = try golden.variations()[6]
    let varied = try golden.floats("input.\(preset.rawValue).varied")
    #expect(largestDifference(transform.input(of: source, varied: variation), varied) < 1e-4)
  }

  @Test(
    .enabled(if: reference("AVP_TEST_GOLDEN") != nil, "AVP_TEST_GOLDEN is not set"),
    .enabled(if: reference("AVP_TEST_DATA") != nil, "AVP_TEST_DATA is not set"))
  func realImagesGivePillowsPixels() throws {
    let folder = try #require(reference("AVP_TEST_GOLDEN"))
    let data = try #require(reference("AVP_TEST_DATA"))
    let golden = try SafeTensorsFile(path: folder + "/pictures.safetensors")
    let names = try JSONDecoder().decode(
      [String].self, from: Data(try #require(golden.metadata["images"]).utf8))
    for (preset, tensor) in [(Preset.pytorch, "rgb_bilinear224"), (.keras, "rgb_nearest224")] {
      let transform = ImageTransform(preset: preset, normalisation: preset.normalisation)
      let expected = try golden.bytes(tensor).values
      for (number, name) in names.enumerated() {
        let image = try decodeImage([UInt8](Data(contentsOf: URL(filePath: data + "/" + name))))
        let resized = transform.resized(image)
        let start = number * resized.pixels.count
        let pixels = Array(expected[start..<start + resized.pixels.count])
        let reference = RGBImage(width: 224, height: 224, pixels: pixels)
        #expect(largestDifference(resized, reference) == 0, "\(name)")
      }
    }
  }
}

/// The folder of reference data that an environment variable names.
private func reference(_ variable: String) -> String? {
  ProcessInfo.processInfo.environment[variable]
}
