import Collectives
import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import ResNet
import Settings
import TensorFormats
import Tensors
import Training

/// `features`: the backbone's features of images.
struct FeaturesCommand: Command {
  static let name = "features"
  static let summary = "write the backbone's features of images to a safetensors file"
  static let discussion = """
    Writes the tensor `features` [N, D]: a row for each image, in the order given, without \
    augmentation. In the metadata `images` lists the images as a JSON array, and `skipped` those \
    left out. Start it under mpirun to share the work.
    """
  static let operands: String? = "IMAGE|DIR..."
  static let isForRanks = true
  static let example = "avp-dist features --output features.safetensors photos"
  static let settings: [Setting<Self>] =
    part(\.features) + [
      Setting(
        "on-bad-image", \.onBadImage, "what happens where images cannot be used",
        group: "Images"),
      Setting(
        "output", \.output, "FILE.safetensors", "the file to write", group: "Output",
        completion: .files),
    ]

  var features = FeatureSettings()
  var onBadImage = BadImagePolicy.fail
  var output = ""
  private var images: [String] = []

  mutating func take(_ operands: [String]) throws(UsageError) {
    images = try named(operands)
  }

  func run() throws { try withRanks(stallTimeout: .seconds(300)) { try write($0) } }

  private func write(_ communicator: any Communicator) throws {
    let output = try required(output, "output")
    let list = try ImageList(self.images, communicator)
    let names = list.names
    let backbone = try features.loadedBackbone()
    // Before the work, not after it: whether the file can be made.
    if communicator.rank == 0 { try TemporaryFile(beside: output).discard() }
    let extractor = features.extractor(backbone, root: ImageList.root)
    var values: [Float] = []
    var images: [String] = []
    var skipped: [String] = []
    var bad = BadImages()
    let options = try features.backbone.machine.runOptions(communicator)
    let tally = try Screen.phase("computing features") { update in
      try shareFeatures(
        of: list.requests, producer: extractor, options: options, communicator: communicator
      ) { index, outcome in
        switch outcome.features {
        case .success(let vector):
          values += vector
          images.append(names[index])
        case .failure(let error):
          skipped.append(names[index])
          bad.add(names[index], error)
        }
        update(index + 1, names.count)
      }
    }
    if onBadImage == .fail {
      try bad.check(
        of: names.count, remedy: " (--on-bad-image skip leaves them out)", communicator)
    }
    guard communicator.rank == 0 else { return }
    if let sentence = tally.sentence { printError(sentence) }
    var metadata = [
      "images": try Self.jsonArray(images), "backbone": backbone.summary,
      "preset": features.preset.rawValue,
    ]
    metadata.merge(features.geometry.facts) { $1 }
    if let calibration = backbone.calibration {
      metadata["calibration"] = String(decoding: try calibration.file.dropLast(), as: UTF8.self)
    }
    if features.orientation == .apply {
      metadata[OrientationPolicy.fact] = features.orientation.rawValue
    }
    if !skipped.isEmpty { metadata["skipped"] = try Self.jsonArray(skipped) }
    let shape = [images.count, backbone.backbone.featureCount]
    var writer = SafeTensorsWriter(metadata: metadata)
    writer.add("features", Tensor(shape: shape, values: values))
    try writer.write(to: output)
    let others = skipped.isEmpty ? "" : ", \(skipped.count) images left out"
    printLine("\(output): features \(shape) of \(backbone.summary)\(others)")
  }

  private static func jsonArray(_ names: [String]) throws -> String {
    String(decoding: try JSONEncoder.sorted.encode(names), as: UTF8.self)
  }
}
