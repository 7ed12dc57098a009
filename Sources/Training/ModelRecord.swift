import Head
public import ImageTransforms

/// What a checkpoint and a model file say about themselves, as JSON in the file's metadata.
///
/// Nothing in it depends on the place, the time, or on how many ranks and threads there were.
public struct ModelRecord: Codable, Equatable, Sendable {
  /// The version of this layout.
  public static let currentFormat = 1

  /// The backbone that the features came from.
  public struct Backbone: Codable, Equatable, Sendable {
    /// The weight file's name without its folder, or `demo` or `random:SEED`.
    public var name: String
    /// The SHA-256 of the tensors and conventions, which is not that of the file.
    public var fingerprint: String
    /// The layer whose channel means are the features.
    public var featureLayer: String
    /// The length of a feature vector.
    public var featureCount: Int
    /// The instruction set that computed them; another one gives the same features to about 1e-5.
    public var kernels: String

    /// Describes a backbone.
    public init(
      name: String, fingerprint: String, featureLayer: String, featureCount: Int, kernels: String
    ) {
      self.name = name
      self.fingerprint = fingerprint
      self.featureLayer = featureLayer
      self.featureCount = featureCount
      self.kernels = kernels
    }
  }

  /// How pictures become the backbone's input.
  public struct Preprocessing: Codable, Equatable, Sendable {
    /// The preset: resizing filter and augmentation.
    public var preset: Preset
    /// Width and height of the input.
    public var size: Int
    /// The numbers that the pixels are normalised with.
    public var normalisation: Normalisation

    /// Describes the steps before the backbone.
    public init(preset: Preset, size: Int, normalisation: Normalisation) {
      self.preset = preset
      self.size = size
      self.normalisation = normalisation
    }
  }

  /// The layout's version.
  public var format = currentFormat
  /// The version of the tool that wrote the file.
  public var toolVersion: String
  /// The settings of the run.
  public var configuration: TrainingConfiguration
  /// The class names, by class index.
  public var classes: [String]
  /// The backbone.
  public var backbone: Backbone
  /// How pictures become its input.
  public var preprocessing: Preprocessing
  /// The dataset's fingerprint.
  public var dataset: String
  /// Training pictures an epoch.
  public var trainCount: Int

  /// Describes a run.
  public init(
    toolVersion: String, configuration: TrainingConfiguration, classes: [String],
    backbone: Backbone, preprocessing: Preprocessing, dataset: String, trainCount: Int
  ) {
    self.toolVersion = toolVersion
    self.configuration = configuration
    self.classes = classes
    self.backbone = backbone
    self.preprocessing = preprocessing
    self.dataset = dataset
    self.trainCount = trainCount
  }
}

extension ModelRecord {
  /// The settings in which a run with this record cannot go on from a checkpoint of `other`: a line
  /// "name: theirs there, ours here" each.
  public func differences(from other: ModelRecord) -> [SettingDifference] {
    // The same weights may be in another file, or in one of another format.
    let isSameBackbone = backbone.fingerprint == other.backbone.fingerprint
    let pairs: [(String, String, String)] = [
      ("dataset", other.dataset, dataset),
      ("classes", other.classes.joined(separator: ", "), classes.joined(separator: ", ")),
      ("weights", other.backbone.shortText, (isSameBackbone ? other : self).backbone.shortText),
      ("feature-layer", other.backbone.featureLayer, backbone.featureLayer),
      ("normalisation", "\(other.preprocessing.normalisation)", "\(preprocessing.normalisation)"),
    ]
    let facts = pairs.filter { $0.1 != $0.2 }.map {
      SettingDifference(name: $0.0, there: $0.1, here: $0.2)
    }
    return facts + configuration.differences(from: other.configuration)
  }
}

extension ModelRecord.Backbone {
  /// "resnet50.pth (fingerprint 0676ba61…)"
  public var shortText: String { "\(name) (fingerprint \(fingerprint.prefix(12))…)" }
}

/// A setting that a checkpoint and the present command line disagree about.
public struct SettingDifference: Equatable, Sendable {
  /// The option without its dashes.
  public let name: String
  /// Its value in the checkpoint.
  public let there: String
  /// Its value in the present run.
  public let here: String
}

/// A number as one types it: 30, not 30.0.
private func typed(_ number: Double) -> String {
  let text = "\(number)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

extension Augmentation {
  /// The options that ask for it.
  fileprivate var options: String {
    "--shear \(typed(shear)) --zoom \(typed(zoom)) --hflip \(typed(horizontalFlip))"
  }
}

extension TrainingConfiguration {
  /// The settings by the names of their options, as texts that are equal where they are.
  public var byOption: [(name: String, value: String)] {
    [
      ("preset", preset.rawValue), ("epochs", "\(epochs)"), ("batch-size", "\(batchSize)"),
      ("hidden", "\(hidden)"), ("optimizer", optimiser.rawValue), ("lr", typed(learningRate)),
      ("weight-decay", typed(weightDecay)), ("momentum", typed(momentum)),
      ("schedule", schedule.rawValue), ("step-epochs", typed(stepDecay.orDefault.epochs)),
      ("step-factor", typed(stepDecay.orDefault.factor)),
      ("warmup-epochs", typed(warmupEpochs)), ("seed", "\(seed)"),
      ("augmentation", augmentation?.options ?? "--no-augment"),
      ("views", "\(views)"), ("max-steps", maxSteps.map { "\($0)" } ?? "none"),
      ("on-bad-image", onBadImage.rawValue),
    ]
  }

  /// The settings that may change when a run is resumed with `--resume-override`: they act on steps
  /// to come, and leave those taken as they were.
  public static let overridable: Set<String> = [
    "epochs", "lr", "weight-decay", "schedule", "step-epochs", "step-factor", "warmup-epochs",
    "max-steps", "on-bad-image",
  ]

  func differences(from other: TrainingConfiguration) -> [SettingDifference] {
    zip(other.byOption, byOption).compactMap { there, here in
      there.value == here.value
        ? nil : SettingDifference(name: here.name, there: there.value, here: here.value)
    }
  }
}
