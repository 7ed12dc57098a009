import Foundation
import Tensors
import Testing

@testable import ImageTransforms

/// Every operation with fixed parameters, against `scripts/make-golden-augmentation`.
@Suite struct GoldenAugmentationTests {
  private let golden: GoldenTransforms
  private let source: RGBImage
  private let colours: RGBImage

  init() throws {
    golden = try GoldenTransforms("augmentation")
    source = try golden.image("source")
    colours = try golden.image("colours")
  }

  private func expect(
    _ image: RGBImage, _ name: String, location: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      largestDifference(image, try golden.image(name)) == 0, "\(name)", sourceLocation: location)
  }

  @Test func rotationsAndShiftsAreTheFrameworks() throws {
    let rows = try golden.file.doubles("affine")
    for row in 0..<rows.shape[0] {
      let numbers = rows.values[row * 6..<row * 6 + 6].map { $0 }
      var parameters = AffineParameters(
        shear: numbers[3], zoom: numbers[4], columnZoom: numbers[5], flips: false)
      parameters.rotation = numbers[0]
      parameters.shift = (numbers[1], numbers[2])
      try expect(source.affineNearest(parameters), "affine.\(row).pytorch")
      // keras has one more zoom; its row zoom is the fourth number, too.
      let expected = try golden.file.doubles("affine.\(row).keras").values.map { Float($0) }
      #expect(largestDifference(source.affineBilinear(parameters), expected) < 1e-3, "\(row)")
    }
  }

  @Test func operationsAreTorchvisions() throws {
    let names = golden.file.names.filter { $0.hasPrefix("operation.") }
    #expect(names.count == 46)
    for name in names {
      let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
      let operation = try #require(AutoOperation.allCases.first { "\($0)" == parts[1] })
      try expect(source.applying(operation, try #require(Double(parts[2]))), name)
    }
    #expect(Set(names.map { $0.split(separator: ".")[1] }).count == AutoOperation.allCases.count)
  }

  @Test func coloursArePillows() throws {
    for (number, shift) in try golden.file.doubles("hues").values.enumerated() {
      try expect(colours.hue(shift), "hue.\(number)")
    }
    try expect(colours.greyscale, "grey")
    try expect(source.flippedVertically, "flipped")
  }

  /// torchvision adds 169 products in single precision in an order of its own; here two passes do.
  @Test func blursAreTorchvisions() throws {
    for (number, sigma) in try golden.file.doubles("blurs").values.enumerated() {
      let (ours, theirs) = (
        source.blurred(taps: 13, sigma: sigma), try golden.image("blur.\(number)")
      )
      #expect(largestDifference(ours, theirs) <= 1)
      let others = zip(ours.pixels, theirs.pixels).count { $0 != $1 }
      #expect(others <= 2, "sigma \(sigma): \(others)")
    }
  }

  @Test(arguments: Preset.allCases)
  func aPartIsResized(preset: Preset) throws {
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 24), normalisation: .torch)
    let part = source.cropped(Region(x: 9, y: 5, width: 13, height: 20))
    try expect(transform.resized(part), "crop.\(preset.rawValue)")
  }

  @Test func erasingChangesTheRegionAlone() {
    let region = Region(x: 3, y: 5, width: 7, height: 2)
    let erased = source.erasing(region, [1, 2, 0])
    for y in 0..<40 {
      for x in 0..<40 {
        let offset = (y * 40 + x) * 3
        let inside = (3..<10).contains(x) && (5..<7).contains(y)
        let pixel = Array(erased.pixels[offset..<offset + 3])
        #expect(pixel == (inside ? [1, 2, 0] : Array(source.pixels[offset..<offset + 3])))
      }
    }
  }
}

@Suite struct AugmentationTests {
  private let image = RGBImage(
    width: 50, height: 30, pixels: (0..<50 * 30 * 3).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
  )

  private static let texts = [
    "rotation": "20", "translation": "0.1", "vflip": "0.5", "random-resized-crop": "0.3",
    "auto-augment": "trivial", "color-jitter": "0.4,0.4,0.4,0.1", "grayscale": "0.5",
    "blur": "0.5", "random-erasing": "0.5",
  ]

  private func random(_ index: Int) -> CounterRandom {
    CounterRandom(seed: 4, purpose: .augmentation, epoch: 1, index: index)
  }

  private func images(_ texts: [String: String], _ preset: Preset = .pytorch) -> [RGBImage] {
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 32), normalisation: preset.normalisation)
    let augmentation = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5, texts)
    return (0..<40).map { index in
      var random = random(index)
      return transform.augmentedImage(of: image, augmentation: augmentation, random: &random)
    }
  }

  @Test func eachHasANameAStreamAndADraw() {
    let all = AugmentationOperation.all
    #expect(Set(all.map(\.name)).isSuperset(of: Self.texts.keys))
    #expect(Set(all.map(\.stream)).count == all.count && all.allSatisfy { $0.stream > 0 })
  }

  @Test(arguments: Preset.allCases, texts.keys.sorted())
  func eachActsAndIsKeyed(preset: Preset, name: String) {
    let texts = [name: Self.texts[name] ?? ""]
    let varied = images(texts, preset)
    #expect(varied == images(texts, preset))
    let others = zip(varied, images([:], preset)).count { $0 != $1 }
    #expect(others > 4, "\(others)")
    #expect(Set(varied.map(\.pixels)).count > 35)
  }

  /// The network gets what `preview` shows.
  @Test(arguments: Preset.allCases)
  func thePreviewIsTheInput(preset: Preset) {
    let transform = ImageTransform(
      preset: preset, geometry: Geometry(size: 32),
      normalisation: Normalisation(
        channelOrder: .rgb, scale: 1, mean: .zero, std: SIMD3(repeating: 1)))
    let augmentation = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5, Self.texts)
    for index in 0..<20 {
      var (first, second, third) = (random(index), random(index), random(index))
      let shown = transform.augmentedImage(of: image, augmentation: augmentation, random: &first)
      let input = transform.augmentedInput(of: image, augmentation: augmentation, random: &second)
      #expect(
        transform.augmentedBytes(of: image, augmentation: augmentation, random: &third)
          == shown.pixels)
      let difference = largestDifference(shown.pixels.map(Float.init), input)
      // Where no operation follows the affine map, keras' values are not rounded.
      #expect(difference <= (preset == .pytorch ? 0 : 0.5))
    }
  }

  /// The draws of the article's augmentation are what they were, and no operation changes another's.
  @Test func streamsAreApart() {
    var first = random(7)
    _ = first.next()
    let (own, other) = (first.stream(3), random(7).stream(3))
    var (a, b, c) = (own, other, random(7).stream(4))
    #expect((0..<9).allSatisfy { _ in a.next() == b.next() })
    #expect(a.next() != c.next() && random(7).stream(0).isSame(as: random(7)))
  }

  @Test func textsAreThoseOfTheNumbers() {
    var augmentation = Augmentation(shear: 0, zoom: 0, horizontalFlip: 0)
    for (name, written, text) in [
      ("rotation", "15.0", "15"), ("rotation", "0", "0"), ("color-jitter", "0.5", "0.5"),
      ("color-jitter", "0,0,0,0.1", "0,0,0,0.1"), ("color-jitter", "0.5,0,0,0", "0.5"),
      ("color-jitter", "0,0,0", "0"), ("auto-augment", "rand", "rand"),
      ("auto-augment", "none", "none"), ("random-resized-crop", "0.2,1", "0.2"),
      ("random-resized-crop", "0.2,0.9,0.5,2", "0.2,0.9,0.5,2"),
    ] {
      augmentation[name] = written
      #expect(augmentation[name] == text, "\(name) \(written)")
    }
    for (name, text) in [
      ("rotation", "181"), ("rotation", "-1"), ("rotation", "1,1"), ("rotation", "x"),
      ("rotation", ""), ("rotation", "nan"), ("color-jitter", "1,,1"), ("blur", "1.1"),
      ("auto-augment", "1"), ("color-jitter", "0,0,0,0.6"), ("random-resized-crop", "0.5,1,0"),
    ] {
      let operation = AugmentationOperation.named(name)
      #expect(operation != nil && operation?.numbers(text) == nil, "\(name) \(text)")
    }
  }

  @Test func survivesJSONAndRefusesWhatCannotBe() throws {
    let plain = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    func text(_ augmentation: Augmentation) throws -> String {
      String(decoding: try encoder.encode(augmentation), as: UTF8.self)
    }
    #expect(try text(plain) == #"{"horizontalFlip":0.5,"shear":10,"zoom":0.2}"#)
    let all = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5, Self.texts)
    let written = try text(all)
    #expect(try JSONDecoder().decode(Augmentation.self, from: Data(written.utf8)) == all)
    for (old, new) in [
      ("rotation", "rotations"), ("[20]", "[200]"), ("[20]", "[]"), ("[20]", "[1,2]"),
      (#""auto-augment":[1]"#, #""auto-augment":[3]"#),
      (#""auto-augment":[1]"#, #""auto-augment":[1.5]"#),
    ] {
      let changed = written.replacing(old, with: new)
      #expect(throws: DecodingError.self, "\(changed)") {
        try JSONDecoder().decode(Augmentation.self, from: Data(changed.utf8))
      }
    }
  }

  /// Regions are drawn within the image, whatever its proportions and the numbers.
  @Test func regionsAreInside() {
    let all: [[Double]] = [
      [0.08, 1, 0.75, 4.0 / 3], [0, 0, 0.1, 10], [1, 1, 10, 0.1], [1, 0, 1, 1],
    ]
    for (width, height) in [(1, 1), (1, 500), (500, 1), (7, 9), (224, 224)] {
      for numbers in all {
        for index in 0..<50 {
          var own = random(index)
          guard
            case .region(let choose) = AugmentationOperation.randomResizedCrop.draw(
              numbers, &own)
          else { continue }
          let region = choose(width, height)
          #expect(region.width > 0 && region.height > 0 && region.x >= 0 && region.y >= 0)
          #expect(region.x + region.width <= width && region.y + region.height <= height)
        }
      }
    }
    // As torchvision where ten attempts fail.
    #expect(
      Region.central(width: 500, height: 30, ratio: (0.75, 4.0 / 3))
        == Region(x: 230, y: 0, width: 40, height: 30))
    #expect(
      Region.central(width: 30, height: 500, ratio: (0.75, 4.0 / 3))
        == Region(x: 0, y: 230, width: 30, height: 40))
  }

  @Test func strengthsAreThoseOfTorchvisionsSpaces() {
    for (operation, bin, trivial, rand) in [
      (AutoOperation.shearX, 30, 0.99, 0.3), (.translateY, 15, 16, 75.0 / 331 * 224),
      (.rotate, 20, 90, 20), (.sharpness, 30, 0.99, 0.9), (.posterize, 30, 2, 4),
      (.posterize, 2, 8, 8), (.solarize, 6, 204, 204), (.equalize, 9, 0, 0),
    ] {
      #expect(
        abs(operation.strength(bin: bin, isTrivial: true, size: 224) - trivial) < 1e-9,
        "\(operation)")
      #expect(
        abs(operation.strength(bin: bin, isTrivial: false, size: 224) - rand) < 1e-9,
        "\(operation)")
    }
  }

  @Test func powersAreThoseOfTheLibrary() {
    for base in [0.01, 0.75, 1, 16.0 / 9, 100] {
      for exponent in [0, 0.1, 0.5, 0.77, 1 - 0x1p-53] {
        #expect(abs(fractionalPower(base, exponent) / pow(base, exponent) - 1) < 1e-14)
      }
    }
  }
}

extension CounterRandom {
  fileprivate func isSame(as other: CounterRandom) -> Bool {
    var (first, second) = (self, other)
    return (0..<9).allSatisfy { _ in first.next() == second.next() }
  }
}
