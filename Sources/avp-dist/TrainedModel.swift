import Foundation
import Head
import ImageData
import ImageTransforms
import ResNet
import Training

/// A trained head with its backbone found again: what `predict` and `evaluate` work with.
struct TrainedModel {
  let checkpoint: Checkpoint
  let backbone: LoadedBackbone

  /// Reads `--checkpoint`, and the backbone from `--weights` or where the run had it.
  ///
  /// - Throws: a failure where the backbone is not the one that the head was trained on.
  init(_ arguments: Arguments) throws {
    try self.init(arguments.required("--checkpoint"), arguments)
  }

  /// Reads the file at `path`; see ``init(_:)``.
  init(_ path: String, _ arguments: Arguments) throws {
    checkpoint = try Checkpoint(path: path)
    let named = checkpoint.record.backbone
    backbone = try LoadedBackbone(
      Self.choice(arguments, named, beside: path), arguments,
      featureLayer: FeatureLayer(rawValue: named.featureLayer))
    guard backbone.fingerprint == named.fingerprint else {
      throw Failure(
        status: .badData,
        description: """
          \(path) was trained on the backbone \(named.shortText), but \(backbone.path) is another one \
          (sha256 \(backbone.fingerprint.prefix(12))…). Name the right file with --weights.
          """)
    }
  }

  /// The extractor of unaugmented features of pictures below `root`.
  func extractor(root: String, onBadImage: BadImagePolicy = .fail) -> FeatureExtractor {
    let preprocessing = checkpoint.record.preprocessing
    return FeatureExtractor(
      backbone: backbone.backbone,
      transform: PictureTransform(
        preset: preprocessing.preset, normalisation: preprocessing.normalisation),
      pictures: PictureSource(root: root), onBadImage: onBadImage)
  }

  /// Where the backbone may be: `--weights`, the built-in ones, the path in the run's `config.json`, the
  /// default places.
  private static func choice(
    _ arguments: Arguments, _ named: ModelRecord.Backbone, beside path: String
  ) throws -> BackboneChoice {
    if let word = arguments.string("--weights") { return try BackboneChoice(word) }
    if named.name == "demo" || named.name.hasPrefix("random") {
      return try BackboneChoice(named.name)
    }
    var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    if folder.lastPathComponent == "checkpoints" { folder.deleteLastPathComponent() }
    if let data = try? Data(contentsOf: folder.appendingPathComponent("config.json")),
      let run = try? JSONDecoder().decode(RunDescription.self, from: data),
      FileManager.default.fileExists(atPath: run.weights)
    {
      return .file(run.weights)
    }
    do {
      return try BackboneChoice.resolve(nil, environment: ProcessInfo.processInfo.environment)
    } catch {
      throw Failure(
        status: .missingInput,
        description: "\(path) needs its backbone, \(named.shortText); name the file with --weights."
      )
    }
  }
}

/// What `config.json` in the run's folder says: the settings, and what depends on the place.
struct RunDescription: Codable {
  let toolVersion: String
  let configuration: TrainingConfiguration
  /// The absolute path of the weight file, or `demo` or `random:SEED`.
  let weights: String
  /// The absolute path of the picture set.
  let data: String
  let worldSize: Int
  let threads: Int
  let hosts: [String]
  let kernels: String
}
