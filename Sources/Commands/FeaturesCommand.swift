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
    part(\.backbone) + [
      Setting("preset", \.preset, "framework whose resizing is followed", group: "Images"),
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: "Images"),
    ] + part(\.geometry) + [
      Setting(
        "on-bad-image", \.onBadImage, "what happens where images cannot be used",
        group: "Images"),
      Setting(
        "output", \.output, "FILE.safetensors", "the file to write", group: "Output",
        completion: .files),
    ]

  var backbone = BackboneSettings()
  var preset = Preset.pytorch
  var geometry = Geometry()
  var orientation = OrientationPolicy.ignore
  var onBadImage = BadImagePolicy.fail
  var output = ""
  private var images: [String] = []

  mutating func take(_ operands: [String]) throws(UsageError) {
    images = try named(operands)
  }

  func run() throws { try withRanks(stallTimeout: .seconds(300)) { try features($0) } }

  private func features(_ communicator: any Communicator) throws {
    let output = try required(output, "output")
    let list = try ImageList(self.images, communicator)
    let names = list.names
    let machine = backbone.machine
    let settings = self.backbone
    let backbone = try LoadedBackbone(settings, inputSize: geometry.size) { loaded in
      guard settings.precision == .int8 else { return nil }
      // Scales of its own would make an image's features depend on the others.
      guard let file = settings.calibration else {
        throw UsageError(
          "--precision int8 needs --calibration FILE here; `avp-dist calibrate` makes the file.")
      }
      return try Calibration(file: file, for: loaded)
    }
    // Before the work, not after it: whether the file can be made.
    if communicator.rank == 0 { try TemporaryFile(beside: output).discard() }
    let extractor = FeatureExtractor(
      backbone: backbone.backbone,
      transform: ImageTransform(
        preset: preset, geometry: geometry, normalisation: backbone.normalisation),
      images: ImageSource(root: ImageList.root, orientation: orientation))
    var values: [Float] = []
    var images: [String] = []
    var skipped: [String] = []
    var bad = BadImages()
    let options = try machine.runOptions(communicator)
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
      "images": try Self.jsonArray(images), "backbone": backbone.summary, "preset": preset.rawValue,
    ]
    metadata.merge(geometry.facts) { $1 }
    if let calibration = backbone.calibration {
      metadata["calibration"] = String(decoding: try calibration.file.dropLast(), as: UTF8.self)
    }
    if orientation == .apply { metadata[OrientationPolicy.fact] = orientation.rawValue }
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
