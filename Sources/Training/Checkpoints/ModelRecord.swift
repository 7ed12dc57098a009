import Head
import ImageTransforms
import ResNet
import Tensors

/// What a checkpoint and a model file say about themselves, as JSON in the file's metadata.
///
/// Nothing in it depends on the machine, the time, or on how many ranks and threads there were.
package struct ModelRecord: Codable, Equatable, Sendable {
  /// The newest version of this layout, of heads that are linear, or trained in other ways than by
  /// plain cross-entropy. Version 4 is of images that become squares in other ways than by squashing to
  /// 224 pixels, or are varied in others than the article's, 3 of features of int8, 2 of images that
  /// are turned by their EXIF orientation, 1 of all others: readers of an earlier version would pass
  /// over what they do not know.
  package static let currentFormat = 5

  /// The backbone that the features came from.
  package struct Backbone: Codable, Equatable, Sendable {
    /// The weight file's name without its folder, or `demo` or `random:SEED`.
    package var name: String
    /// The SHA-256 of the tensors and conventions, which is not that of the file.
    package var fingerprint: String
    /// The layer whose channel means are the features.
    package var featureLayer: String
    /// The length of a feature vector.
    package var featureCount: Int
    /// The instruction set that computed them; another one gives the same features to about 1e-5. Of
    /// int8, whose features are the same on all of them, just that word.
    package var kernels: String
    /// The scales of int8; nil for floats.
    package var calibration: Calibration?

    /// What the backbone computed with.
    package var precision: Precision { calibration == nil ? .f32 : .int8 }

    /// Describes a backbone.
    package init(
      name: String, fingerprint: String, featureLayer: String, featureCount: Int, kernels: String,
      calibration: Calibration? = nil
    ) {
      self.name = name
      self.fingerprint = fingerprint
      self.featureLayer = featureLayer
      self.featureCount = featureCount
      self.kernels = kernels
      self.calibration = calibration
    }
  }

  /// How images become the backbone's input.
  package struct Preprocessing: Codable, Equatable, Sendable {
    /// The preset: resizing filter and augmentation.
    package var preset: Preset
    /// Width and height of the input.
    package var size: Int
    /// The numbers that the pixels are normalised with.
    package var normalisation: Normalisation

    /// Describes the steps before the backbone.
    package init(preset: Preset, size: Int, normalisation: Normalisation) {
      self.preset = preset
      self.size = size
      self.normalisation = normalisation
    }
  }

  /// The layout's version.
  package var format: Int
  /// The version of the tool that wrote the file.
  package var toolVersion: String
  /// The settings of the run.
  package var configuration: TrainingConfiguration
  /// The class names, by class index.
  package var classes: [String]
  /// The backbone.
  package var backbone: Backbone
  /// How images become its input.
  package var preprocessing: Preprocessing
  /// The dataset's fingerprint.
  package var dataset: String
  /// Training images an epoch.
  package var trainCount: Int
  /// The settings of the heads of a sweep's checkpoint; nil elsewhere.
  package var sweep: [TrainingConfiguration]?

  /// Describes a run.
  package init(
    toolVersion: String, configuration: TrainingConfiguration, classes: [String],
    backbone: Backbone, preprocessing: Preprocessing, dataset: String, trainCount: Int
  ) {
    format =
      configuration.hasHeadSettings
      ? 5
      : configuration.imageGeometry != nil || configuration.augmentation?.hasOperations == true
        ? 4 : backbone.precision == .int8 ? 3 : configuration.orientation == .apply ? 2 : 1
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
  package func differences(from other: ModelRecord) -> [SettingDifference] {
    // The same weights may be in another file, or in one of another format.
    let isSameBackbone = backbone.fingerprint == other.backbone.fingerprint
    let pairs: [(String, String, String)] = [
      ("dataset", other.dataset, dataset),
      ("classes", other.classes.joined(separator: ", "), classes.joined(separator: ", ")),
      ("weights", other.backbone.shortText, (isSameBackbone ? other : self).backbone.shortText),
      ("feature-layer", other.backbone.featureLayer, backbone.featureLayer),
      ("precision", other.backbone.precisionText, backbone.precisionText),
      ("normalisation", "\(other.preprocessing.normalisation)", "\(preprocessing.normalisation)"),
    ]
    let facts = pairs.filter { $0.1 != $0.2 }.map {
      SettingDifference(name: $0.0, there: $0.1, here: $0.2)
    }
    return facts + sweepDifferences(from: other)
  }

  /// The differences of the settings that are tried, of each option the first.
  private func sweepDifferences(from other: ModelRecord) -> [SettingDifference] {
    let (own, others) = (sweep ?? [configuration], other.sweep ?? [other.configuration])
    guard own.count == others.count, (sweep == nil) == (other.sweep == nil) else {
      return [
        SettingDifference(name: "sweep", there: Self.text(other.sweep), here: Self.text(sweep))
      ]
    }
    var found: [SettingDifference] = []
    for difference in zip(own, others).flatMap({ $0.differences(from: $1) })
    where !found.contains(where: { $0.name == difference.name }) { found.append(difference) }
    return found
  }
}

extension ModelRecord {
  private static func text(_ sweep: [TrainingConfiguration]?) -> String {
    sweep.map { "a sweep of \($0.count) settings" } ?? "no sweep"
  }
}

extension ModelRecord.Backbone {
  /// "resnet50.pth (fingerprint 0676ba61…)"
  package var shortText: String { "\(name) (fingerprint \(fingerprint.prefix(12))…)" }

  /// "f32", or "int8 (64 images, scales 1f0c93ab…)"
  package var precisionText: String {
    precision.rawValue + (calibration.map { " (\($0.shortText))" } ?? "")
  }
}

/// A setting that a checkpoint and the present command line disagree about.
package struct SettingDifference: Equatable, Sendable {
  /// The option without its dashes.
  package let name: String
  /// Its value in the checkpoint.
  package let there: String
  /// Its value in the present run.
  package let here: String
  /// Whether a run may go on with the present value: it acts on steps to come alone.
  package var mayChange = false
}
