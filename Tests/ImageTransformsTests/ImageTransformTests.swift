import Foundation
import Tensors
import Testing

@testable import ImageTransforms

@Suite struct ImageTransformTests {
  private let augmentation = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5)
  private let image = RGBImage(
    width: 31, height: 17, pixels: (0..<31 * 17 * 3).map { UInt8(truncatingIfNeeded: $0 &* 7) })

  @Test func fourNumbersAreDrawnWhateverTheSettings() {
    for shear in [0, 10.0] {
      for zoom in [0, 0.2] {
        for flip in [0, 0.5, 1] {
          let settings = Augmentation(shear: shear, zoom: zoom, horizontalFlip: flip)
          var random = CounterRandom(seed: 3, purpose: .augmentation)
          _ = AffineParameters(settings, random: &random)
          var four = CounterRandom(seed: 3, purpose: .augmentation)
          for _ in 0..<4 { _ = four.next() }
          #expect(random.next() == four.next())
        }
      }
    }
  }

  @Test func drawsFollowTheSettings() {
    var flips = 0
    for index in 0..<2000 {
      var random = CounterRandom(seed: 5, purpose: .augmentation, index: index)
      let drawn = AffineParameters(augmentation, random: &random)
      #expect(abs(drawn.shear) <= 10 && abs(drawn.zoom - 1) <= 0.2)
      #expect(abs(drawn.columnZoom - 1) <= 0.2 && drawn.zoom != drawn.columnZoom)
      flips += drawn.flips ? 1 : 0
    }
    #expect((900...1100).contains(flips))
  }

  /// From a second implementation: shear, then the two zooms, then whether it is mirrored.
  @Test func theOrderOfTheDrawsIsKnown() {
    var random = CounterRandom(seed: 12, purpose: .augmentation, epoch: 3, index: (1 << 33) + 5)
    #expect(
      AffineParameters(augmentation, random: &random)
        == AffineParameters(
          shear: 9.550151738450626, zoom: 0.8752252847033483, columnZoom: 0.9712006946500538,
          flips: true))
    let flips = (0..<6).map { index in
      var random = CounterRandom(seed: 1, purpose: .augmentation, index: index)
      return AffineParameters(augmentation, random: &random).flips
    }
    #expect(flips == [true, false, true, true, true, false])
  }

  @Test func theShearsSineAndCosineAreThoseOfTheLibrary() {
    for degrees in stride(from: -89.0, through: 89, by: 0.5) {
      let parameters = AffineParameters(shear: degrees, zoom: 1, columnZoom: 1, flips: false)
      let angle = degrees * Double.pi / 180
      #expect(abs(parameters.shearSine - sin(angle)) <= 5e-16)
      #expect(abs(parameters.shearCosine - cos(angle)) <= 5e-16)
    }
    let none = AffineParameters(shear: 0, zoom: 1, columnZoom: 1, flips: false)
    #expect(none.shearSine == 0 && none.shearCosine == 1)
  }

  @Test func oneSettingLeavesTheOthersAlone() {
    var (first, second) = (
      CounterRandom(seed: 7, purpose: .augmentation), CounterRandom(seed: 7, purpose: .augmentation)
    )
    let all = AffineParameters(augmentation, random: &first)
    let sheared = AffineParameters(
      Augmentation(shear: 10, zoom: 0, horizontalFlip: 0), random: &second)
    #expect(sheared == AffineParameters(shear: all.shear, zoom: 1, columnZoom: 1, flips: false))
  }

  @Test(arguments: Preset.allCases)
  func noVariationIsThePlainImage(preset: Preset) {
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 24), normalisation: preset.normalisation)
    var random = CounterRandom(seed: 1, purpose: .augmentation)
    let none = Augmentation(shear: 0, zoom: 0, horizontalFlip: 0)
    let input = transform.augmentedInput(of: image, augmentation: none, random: &random)
    #expect(input == transform.input(of: image))
    #expect(input.count == 24 * 24 * 3)
  }

  @Test(arguments: Preset.allCases)
  func thePreviewIsWhatTheNetworkGets(preset: Preset) {
    let plain = Normalisation(
      channelOrder: .rgb, scale: 1, mean: .zero, std: SIMD3(repeating: 1))
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 40), normalisation: plain)
    for index in 0..<20 {
      var random = CounterRandom(seed: 2, purpose: .augmentation, index: index)
      var same = random
      let preview = transform.augmentedImage(of: image, augmentation: augmentation, random: &random)
      let input = transform.augmentedInput(of: image, augmentation: augmentation, random: &same)
      #expect(largestDifference(preview.pixels.map(Float.init), input) <= 0.5)
    }
  }

  @Test func extremeVariationsStayWithinTheImage() {
    let angles = [0, 89.999, 90, -90, 1e300, .infinity, .nan]
    let zooms = [0, 1e-300, 1e300, -1, .infinity, .nan]
    for shear in angles {
      for zoom in zooms {
        let variation = AffineParameters(shear: shear, zoom: zoom, columnZoom: zoom, flips: true)
        #expect(image.affineNearest(variation).pixels.count == image.pixels.count)
        #expect(image.affineBilinear(variation).allSatisfy { (0...255).contains($0) })
      }
    }
  }

  @Test(arguments: [(1, 1), (1, 5000), (5000, 1), (3, 2)])
  func oddShapesCanBeResized(width: Int, height: Int) {
    let flat = RGBImage(
      width: width, height: height, pixels: Array(repeating: 200, count: width * height * 3))
    let expected = [UInt8](repeating: 200, count: 224 * 224 * 3)
    #expect(flat.resizedBilinear(width: 224, height: 224).pixels == expected)
    #expect(flat.resizedNearest(width: 224, height: 224).pixels == expected)
  }

  @Test func whiteStaysWhite() {
    for width in 1...300 {
      let white = RGBImage(width: width, height: 1, pixels: Array(repeating: 255, count: width * 3))
      #expect(white.resizedBilinear(width: 224, height: 1).pixels.allSatisfy { $0 == 255 })
    }
  }
}

@Suite struct NormalisationTests {
  @Test func torchNumbersAreThoseOfDividing() {
    for value in 0..<256 {
      let expected = (Float(value) / 255 - 0.456) / 0.224
      #expect(Normalisation.torch.number(Float(value), channel: 1) == expected)
    }
  }

  @Test func caffeIsBlueFirst() {
    let pixel = RGBImage(width: 1, height: 1, pixels: [10, 20, 30])
    let transform = ImageTransform(
      preset: .keras, geometry: Geometry(size: 1), normalisation: .caffe)
    let expected: [Float] = [30 - 103.939, 20 - 116.779, 10 - 123.68]
    #expect(transform.input(of: pixel) == expected)
  }

  @Test(arguments: [Normalisation.torch, .caffe])
  func survivesJSON(normalisation: Normalisation) throws {
    let data = try JSONEncoder().encode(normalisation)
    #expect(try JSONDecoder().decode(Normalisation.self, from: data) == normalisation)
  }

  /// Weight files say more digits than the network gets; a model has said the latter from the first
  /// version on.
  @Test(arguments: 0..<40 as Range<UInt64>)
  func writesWhatTheNetworkGets(seed: UInt64) throws {
    var random = CounterRandom(seed: seed, purpose: .randomBackbone)
    func vector(_ low: Double) -> SIMD3<Double> {
      SIMD3(random.uniform(low, 200), random.uniform(low, 1), random.uniform(low, 1e-3))
    }
    let exact = Normalisation(
      channelOrder: .bgr, scale: 1 / 255, mean: vector(-1), std: vector(1e-4))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(exact)
    func list(_ vector: SIMD3<Double>) -> String {
      vector.elements.map { "\(Float($0))" }.joined(separator: ",")
    }
    let text = String(decoding: data, as: UTF8.self).replacing("e-0", with: "e-")
    let expected =
      "{\"channelOrder\":\"bgr\",\"deviation\":[\(list(exact.std))],"
      + "\"mean\":[\(list(exact.mean))],\"scale\":\(exact.scale)}"
    #expect(text == expected.replacing("e-0", with: "e-"))
    let read = try JSONDecoder().decode(Normalisation.self, from: data)
    #expect(read == exact && read.mean != exact.mean)
    #expect(try encoder.encode(read) == data)
    #expect("\(read)" == "\(exact)")
  }

  @Test(arguments: [
    #"{"channelOrder":"rgb","scale":1,"mean":[0,0],"deviation":[1,1,1]}"#,
    #"{"channelOrder":"rgb","scale":1,"mean":[0,0,0,0],"deviation":[1,1,1]}"#,
    #"{"channelOrder":"rgb","scale":1,"mean":[0,0,0],"deviation":[1,0,1]}"#,
    #"{"channelOrder":"grb","scale":1,"mean":[0,0,0],"deviation":[1,1,1]}"#,
    #"{"channelOrder":"rgb","mean":[0,0,0],"deviation":[1,1,1]}"#,
  ])
  func refusesUnusableJSON(text: String) {
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(Normalisation.self, from: Data(text.utf8))
    }
  }
}
