import FileIO
import Foundation
import GoldenNetwork
import Head
import ImageCodecs
import ImageData
import ImageTransforms
import Kernels
import ResNet
import ResNetWeights
import TensorFormats
import Tensors
import Testing

@testable import Training

/// Heat maps against those of PyTorch, which `scripts/make-golden-heat-maps` wrote, and the images
/// that are made of them.
@Suite struct HeatMapTests {
  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Golden/heat-maps.safetensors").path

  /// The head of the script.
  private func goldenHead(features: Int) throws -> HeadParameters {
    let shape = try HeadShape(features: features, hidden: 16, classes: 3)
    let values = shape.tensors.enumerated().flatMap { series, part -> [Float] in
      let dimensions = shape.shape(of: part)
      let share = dimensions.count == 2 ? (6 / Double(dimensions[1])).squareRoot() : 0.25
      let count = dimensions.reduce(1, *)
      return GoldenNetwork.numbers(series: UInt64(2000 + series), count: count)
        .map { Float(share * $0) }
    }
    return HeadParameters(shape: shape, values: values)
  }

  @Test(arguments: KernelPath.allCases.filter(\.isAvailable), [FeatureLayer.layer3, .layer4])
  func heatMapsAreThoseOfPyTorch(path: KernelPath, layer: FeatureLayer) throws {
    let file = try SafeTensorsFile(path: Self.golden)
    let backbone = try FloatBackbone(
      weights: GoldenNetwork.weights, featureLayer: layer, kernels: path)
    let head = try goldenHead(features: backbone.featureCount)
    let worker = try backbone.makeLastMapWorker()
    let found = try GoldenNetwork.images.flatMap { image in
      let map = try worker(.numbers(image))
      return (0..<3).map {
        HeatMap(map, gradient: head.logitGradient(of: map.features, label: $0))
      }
    }
    let expected = try file.doubles(layer.rawValue)
    #expect(expected.shape == [2, 3, found[0].size, found[0].size])
    check(found.flatMap(\.values), expected.values, layer.rawValue)
    let enlarged = try file.doubles("\(layer.rawValue).enlarged")
    check(found[..<3].flatMap { $0.enlarged(to: 20) }, enlarged.values, "\(layer) enlarged")
  }

  private func check(_ found: [Double], _ expected: [Double], _ name: String) {
    #expect(found.count == expected.count)
    let largest = expected.max() ?? 0
    for (index, (found, expected)) in zip(found, expected).enumerated() {
      #expect(
        abs(found - expected) <= 2e-5 * largest, "\(name)[\(index)]: \(found), not \(expected)")
    }
  }

  /// A gradient is what a small change of a feature does.
  @Test func theGradientIsTheSlopeOfTheLogit() throws {
    let head = try goldenHead(features: 40)
    let features = (0..<40).map { Float($0 % 7) / 4 }
    for label in 0..<3 {
      let gradient = head.logitGradient(of: features, label: label)
      for index in [0, 17, 39] {
        var more = features
        more[index] += 0x1p-8
        let change = zip(head.logits(of: [more])[0], head.logits(of: [features])[0]).map(-)[label]
        #expect(abs(change * 0x1p8 - gradient[index]) < 1e-4)
      }
    }
  }

  /// Where nothing speaks for the class nothing is coloured; elsewhere the largest value is brightest.
  @Test func coloursStandBesideTheImage() {
    let image = RGBImage(width: 4, height: 4, pixels: Array(repeating: 90, count: 48))
    let none = HeatMap(
      LastMap(features: [1, 1], numbers: Array(repeating: 1, count: 8)), gradient: [-1, -2])
    #expect(none.size == 2 && none.values == [0, 0, 0, 0])
    let plain = none.beside(image)
    #expect(plain.width == 8 && plain.height == 4 && plain.pixels.allSatisfy { $0 == 90 })
    let shown = HeatMap(values: [0, 0, 0, 3]).beside(image)
    func pixel(_ row: Int, _ column: Int) -> [UInt8] {
      Array(shown.pixels[3 * (8 * row + column)..<3 * (8 * row + column + 1)])
    }
    #expect(pixel(0, 4) == [90, 90, 90] && pixel(3, 3) == [90, 90, 90])
    #expect(pixel(3, 7) == [197, 184, 71])
    #expect(HeatMap(values: [5]).enlarged(to: 3) == Array(repeating: 5, count: 9))
  }

  /// The answers are those without heat maps, for images that are cut, too.
  @Test(arguments: Geometry.Resize.allCases) func featuresDoNotDependOnHeatMaps(
    resize: Geometry.Resize
  ) throws {
    let scratch = try ScratchFolder()
    let pixels = (0..<120 * 70 * 3).map { UInt8($0 * 7 % 251) }
    let bytes = try encodeJPEG(RGBImage(width: 120, height: 70, pixels: pixels), quality: 90)
    try scratch.write(bytes, "image.jpg")
    try scratch.write(Array("GIF89a".utf8), "none.jpg")
    let backbone = try FloatBackbone(
      weights: RandomWeights(seed: 3, blocks: [1], width: 8), kernels: .best, inputSize: 96)
    let extractor = FeatureExtractor(
      backbone: backbone,
      transform: ImageTransform(
        preset: .pytorch, geometry: Geometry(size: 96, resize: resize), normalisation: .torch),
      images: ImageSource(root: scratch.path))
    let mapper = HeatMapper(extractor, head: try goldenHead(features: backbone.featureCount))
    func answer(_ producer: any FeatureProducer, _ name: String, _ bytes: Int) throws
      -> FeatureAnswer
    {
      let sample = Sample(path: name, label: 0, bytes: bytes)
      return try producer.makeWorker(sharing: MemoryBudget(bytes: 1 << 20))(
        [FeatureRequest(sample: sample, index: 0, view: nil)]) { _ in }[0]
    }
    #expect(throws: DatasetError.self) { try answer(mapper, "none.jpg", 6) }
    #expect(throws: DatasetError.self) { try answer(mapper, "gone.jpg", 6) }
    var found = try answer(mapper, "image.jpg", bytes.count)
    let shown = try ImageFile(found.attachment).decode()
    #expect(shown.width == 192 && shown.height == 96)
    found.attachment = []
    #expect(try found == answer(extractor, "image.jpg", bytes.count))
  }
}
