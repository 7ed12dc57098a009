import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import ImageTransforms
import Launching
import MPICollectives
import ModelExport
import ResNet
import ResNetWeights
import Scoring
import Settings
import Tensors
import Training

/// A trained head with its backbone found again: what `predict`, `evaluate` and `export` work with.
struct TrainedModel {
  /// The file that it was read from.
  let path: String
  let head: HeadParameters
  /// The class names, by class index.
  let classes: [String]
  /// Whose method of resizing images it was trained with.
  let preset: Preset
  /// How images become squares.
  let geometry: Geometry
  /// Whether they are turned by their EXIF orientation.
  let orientation: OrientationPolicy
  /// How their pixels are normalised.
  let normalisation: Normalisation
  let backbone: LoadedBackbone
  /// Which parts its training drew; nil for none.
  private(set) var partShares: PartShares?
  /// What its logits are divided by for calibrated probabilities; nil where nothing was fitted.
  private(set) var temperature: Double?

  /// Reads `--checkpoint`, recognised by content: a run's model or checkpoint, whose backbone comes
  /// from `--weights` or from the path that the run names, or a whole model that `export` wrote. A
  /// run's folder stands for its best model. Says on the standard error what it is, once for all ranks.
  ///
  /// - Throws: a failure where the file is neither, or where the backbone is not the one that the
  ///   head was trained on.
  init(_ settings: ModelSettings) throws {
    let path = try RunFolder.model(at: settings.requiredCheckpoint())
    let origin: String
    switch try TrainedFile(path: path) {
    case .checkpoint(let checkpoint):
      try self.init(checkpoint, settings, path)
      origin = checkpoint.origin
    case .export(let head):
      try self.init(exported: head, settings, path)
      origin = "an exported model"
    }
    let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
    if launcher.rank ?? 0 == 0 { printError("model: \(path), \(origin)") }
  }

  /// What to divide logits by: 1, or for `--calibrated` the model's temperature.
  ///
  /// - Throws: ``UsageError`` where it has none.
  func temperature(calibrated: Bool) throws(UsageError) -> Double {
    guard calibrated else { return 1 }
    guard let temperature else {
      throw UsageError(
        "--calibrated needs the temperature that a run fits to its validation images when it ends, and "
          + "\(path) has none: it is an exported model, one of an unfinished run or of an earlier "
          + "version, or no temperature could be fitted, as where all of them were right.")
    }
    return temperature
  }

  /// From images to the backbone's input.
  var transform: ImageTransform {
    ImageTransform(preset: preset, geometry: geometry, normalisation: normalisation)
  }

  /// The extractor of unaugmented features of images below `root`.
  func extractor(root: String, onBadImage: BadImagePolicy = .fail) -> FeatureExtractor {
    FeatureExtractor(
      backbone: backbone.backbone,
      transform: transform,
      images: ImageSource(root: root, orientation: orientation), onBadImage: onBadImage)
  }
}

extension Checkpoint {
  /// "epoch 7 of 10, validation accuracy 0.920"
  fileprivate var origin: String {
    guard progress.step == 0, let last = progress.history.last else {
      return "step \(progress.step) of epoch \(progress.epoch + 1)"
    }
    let accuracy = String(format: "%.3f", last.validationAccuracy)
    return "epoch \(last.epoch) of \(record.configuration.epochs), validation accuracy \(accuracy)"
  }
}

extension RunFolder {
  /// The file that `path` names; for the folder of a run its best model, where there is none its
  /// last one, and in a run that has none yet its newest checkpoint.
  fileprivate static func model(at path: String) throws -> String {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return path
    }
    let folder = RunFolder(path: path)
    let models = [RunFiles.best(in: path), RunFiles.model(in: path)]
    if let model = models.first(where: files.fileExists) { return model }
    if let newest = try CheckpointFolder(path: folder.checkpoints).newest().found?.path {
      return newest
    }
    throw Failure(
      status: .missingInput,
      description: "\(path) is a folder without a model: it has no best.safetensors, no "
        + "model.safetensors and no whole checkpoint. Name the folder of a run, or a file.")
  }
}

/// The two kinds of file that hold a trained model.
private enum TrainedFile {
  /// A run's model or checkpoint.
  case checkpoint(Checkpoint)
  /// An exported model: the head, with all that the file says about itself.
  case export(TensorTable)

  init(path: String) throws {
    let reason: String
    do throws(FileError) {
      let head = try loadHead(path)
      // A run's files keep their classes in their record.
      if head.metadata["classes"] != nil {
        self = .export(head)
        return
      }
      reason = "its metadata names no classes"
    } catch {
      reason = error.reason
    }
    do {
      self = .checkpoint(try Checkpoint(path: path))
    } catch CheckpointError.damaged {
      throw Failure(
        status: .badData,
        description: """
          \(path) is damaged or no checkpoint of avp-dist: its checksum does not fit. Nor is it a \
          whole model of `avp-dist export`: \(reason).
          """)
    }
  }
}

// MARK: - Models and checkpoints of runs

extension TrainedModel {
  /// The model in a run's file that has been read from `path`.
  init(_ checkpoint: Checkpoint, _ settings: ModelSettings, _ path: String) throws {
    let record = checkpoint.record
    self.path = path
    head = checkpoint.head
    classes = record.classes
    preset = record.preprocessing.preset
    geometry = record.configuration.geometry
    orientation = record.configuration.orientation
    partShares = record.configuration.parts.shares
    normalisation = record.preprocessing.normalisation
    temperature = checkpoint.progress.temperature
    if let temperature, !Temperature.range.contains(temperature) {
      throw Self.unusable(path, "its temperature is \(temperature)")
    }
    let named = record.backbone
    guard let layer = FeatureLayer(rawValue: named.featureLayer) else {
      throw Self.unusable(path, "it names no layer of the backbone, but '\(named.featureLayer)'")
    }
    backbone = try LoadedBackbone(
      Self.choice(settings, named, beside: path), settings.machine, featureLayer: layer,
      inputSize: geometry.size
    ) { loaded in
      guard loaded.fingerprint == named.fingerprint else {
        throw Failure(
          status: .badData,
          description: """
            \(path) was trained on the backbone \(named.shortText), but \(loaded.path) is another one \
            (fingerprint \(loaded.fingerprint.prefix(12))…). Name the right file with --weights; \
            `avp-dist weights inspect FILE` prints its fingerprint, which is that of the tensors and \
            conventions, not of the file's bytes.
            """)
      }
      return try Self.calibration(settings, named, for: loaded)
    }
    try checkShapes(path)
  }

  /// The scales of int8: the model's, unless something else is asked for. Where the model was trained
  /// in another precision, a warning says so.
  private static func calibration(
    _ settings: ModelSettings, _ named: ModelRecord.Backbone, for loaded: LoadedWeights
  ) throws -> Calibration? {
    let precision = settings.precision ?? named.precision
    if precision != named.precision {
      printWarning(
        "the model was trained on features of \(named.precision.rawValue), and now gets those of "
          + "\(precision.rawValue), which are slightly different")
    }
    guard precision == .int8 else { return nil }
    if let file = settings.calibration {
      let calibration = try Calibration(file: file, for: loaded)
      if let own = named.calibration, own != calibration {
        printWarning("the model was trained with other scales of int8 than those of \(file)")
      }
      return calibration
    }
    guard let calibration = named.calibration else { throw needsCalibration }
    return calibration
  }

  static let needsCalibration = UsageError(
    "The model has no scales for --precision int8; `avp-dist calibrate` chooses them, and "
      + "--calibration FILE names them.")

  /// Where the backbone may be: `--weights`, the built-in ones, the path in the run's
  /// `config.json`, the default folders.
  static func choice(
    _ settings: ModelSettings, _ named: ModelRecord.Backbone, beside path: String
  ) throws -> BackboneChoice {
    if let choice = settings.weights { return choice }
    if named.name == "demo" || named.name.hasPrefix("random:"),
      let choice = BackboneChoice(written: named.name)
    {
      return choice
    }
    var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    if folder.lastPathComponent == "checkpoints" { folder.deleteLastPathComponent() }
    if let run = try? RunDescription(RunFolder(path: folder.path)),
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

extension OrientationPolicy {
  /// The key in the metadata of exported models.
  static let fact = "exif_orientation"
}

extension Preset {
  /// How the metadata of exported models call the method of resizing.
  var resizing: String {
    switch self {
    case .pytorch: "bilinear, antialiased"
    case .keras: "nearest"
    }
  }
}
