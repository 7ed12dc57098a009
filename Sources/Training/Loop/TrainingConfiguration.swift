import Head
import ImageCodecs
import ImageData
import ImageTransforms

/// The settings that decide a run's numbers. Two runs with equal settings, data, backbone and
/// instruction set give the same bits; what is not in here (threads, ranks, folders) shows nowhere.
package struct TrainingConfiguration: Codable, Equatable, Sendable {
  /// The resizing, augmentation, initialisation and epsilon that are followed.
  package var preset: Preset = .pytorch
  /// What becomes of the orientation in EXIF data; nil, as in records of versions without the choice,
  /// stands for `ignore`.
  package private(set) var exifOrientation: OrientationPolicy?
  /// How images become squares; nil, as in records of versions without the choice, for what is done by
  /// default.
  package private(set) var imageGeometry: Geometry?
  /// Passes over the training images.
  package var epochs = 3
  /// Images a step, over all ranks together (the global batch).
  package var batchSize = 32
  /// Units of the head's hidden layer; 0 for a head of one linear layer.
  package var hidden = 128
  /// The rule that turns a gradient into a step.
  package var optimizer: OptimizerKind = .adam
  /// The learning rate after warm-up, before the schedule lowers it.
  package var learningRate = 0.001
  /// The weight decay: added to the gradient (adam, sgd) or decoupled from it (adamw).
  package var weightDecay = 0.0
  /// SGD's momentum.
  package var momentum = 0.9
  /// How the learning rate falls.
  package var schedule: LearningRateSchedule.Shape = .constant
  /// When and by how much the `step` schedule lowers the learning rate; nil with other schedules.
  package var stepDecay: StepDecay?
  /// Epochs over which the learning rate rises from 0.
  package var warmupEpochs = 0.0
  /// The key of all random numbers.
  package var seed: UInt64 = 0
  /// How training images are varied; nil for not at all.
  package var augmentation: Augmentation? = AugmentationLevel.article.augmentation
  /// Augmented views an image has; epoch e sees view e mod `views`. 0 for a new one every epoch.
  package var views = 0
  /// Ends the run after this many steps in all.
  package var maxSteps: Int?
  /// What happens to an image that cannot be decoded.
  package var onBadImage: BadImagePolicy = .fail
  /// Which shares of the training images become other parts; nil for none.
  package private(set) var partShares: PartShares?
  // Nil, as in records of versions without these choices, stands for what is done by default.
  private var dropoutShare: Double?
  private var smoothing: Double?
  private var mixStrength: Double?
  private var isStandardised: Bool?
  private var bestBy: Monitor?
  /// How much the images of a class count; nil for all alike.
  package var classWeights: ClassWeights?
  /// Epochs without a better one after which the run ends; nil for never.
  package var patience: Int?
  /// Parts of the training images for cross-validation; nil for none.
  package var folds: Int?

  /// The same as settings.
  package var parts: PartSettings {
    get { PartSettings(partShares) }
    set { partShares = newValue.shares }
  }

  /// What becomes of the orientation in EXIF data.
  package var orientation: OrientationPolicy {
    get { exifOrientation ?? .ignore }
    set { exifOrientation = newValue == .ignore ? nil : newValue }
  }

  /// How images become squares.
  package var geometry: Geometry {
    get { imageGeometry ?? Geometry() }
    set { imageGeometry = newValue == Geometry() ? nil : newValue }
  }

  /// The probability with which a number that the last layer takes is dropped.
  package var dropout: Double {
    get { dropoutShare ?? 0 }
    set { dropoutShare = newValue == 0 ? nil : newValue }
  }

  /// The share of the target that is spread over all classes.
  package var labelSmoothing: Double {
    get { smoothing ?? 0 }
    set { smoothing = newValue == 0 ? nil : newValue }
  }

  /// How strongly the images of a step are mixed with each other; 0 for not at all.
  package var mixup: Double {
    get { mixStrength ?? 0 }
    set { mixStrength = newValue == 0 ? nil : newValue }
  }

  /// Whether each feature is brought to mean 0 and standard deviation 1 over the training images.
  package var standardise: Bool {
    get { isStandardised ?? false }
    set { isStandardised = newValue ? true : nil }
  }

  /// What makes an epoch better than another.
  package var monitor: Monitor {
    get { bestBy ?? .accuracy }
    set { bestBy = newValue == .accuracy ? nil : newValue }
  }

  /// Whether it has a setting that versions before layout 5 would pass over.
  var hasHeadSettings: Bool {
    hidden == 0 || optimizer == .lbfgs || dropout > 0 || labelSmoothing > 0 || mixup > 0
      || standardise
      || monitor != .accuracy || classWeights != nil || patience != nil || folds != nil
  }

  /// The settings of the article.
  package init() {}

  /// The names in files. A setting that is missing here is not saved.
  enum CodingKeys: String, CodingKey, CaseIterable {
    case preset, exifOrientation, imageGeometry, partShares, epochs, batchSize, hidden, learningRate
    case weightDecay, momentum, schedule, stepDecay, warmupEpochs, seed, augmentation, views
    case maxSteps, onBadImage, classWeights, patience, folds
    case dropoutShare = "dropout"
    case mixStrength = "mixup"
    case smoothing = "labelSmoothing"
    case isStandardised = "standardise"
    case bestBy = "monitor"
    // As checkpoints have always spelled it.
    case optimizer = "optimiser"
  }
}

/// The falls of the learning rate in the `step` schedule.
package struct StepDecay: Codable, Equatable, Sendable {
  /// Epochs between two falls, positive.
  package var epochs: Double
  /// What the rate is multiplied by, above 0 and at most 1.
  package var factor: Double

  /// The defaults are those customary for ImageNet.
  package init(epochs: Double = 30, factor: Double = 0.1) {
    self.epochs = epochs
    self.factor = factor
  }
}

extension StepDecay? {
  /// The decay that counts where none is given, as in records of versions without these options.
  var orDefault: StepDecay { self ?? StepDecay() }
}

/// What happens to an image that cannot be decoded.
package enum BadImagePolicy: String, Codable, CaseIterable, Sendable {
  /// The run ends with a message that names it.
  case fail
  /// It is left out, on every rank in the same way, and listed in the metrics.
  case skip
}
