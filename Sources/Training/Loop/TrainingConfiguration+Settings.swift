import Head
import ImageCodecs
import ImageTransforms
import Settings

extension OptimizerKind: SettingChoice {}
extension LearningRateSchedule.Shape: SettingChoice {}
extension Preset: SettingChoice {}
extension BadImagePolicy: SettingChoice {}
extension Monitor: SettingChoice {}
extension OrientationPolicy: SettingChoice {}

extension AugmentationLevel: SettingChoice {
  package init?(written: String) {
    guard let level = Self.allCases.first(where: { $0.rawValue == written }) else { return nil }
    self = level
  }
}

extension TrainingConfiguration: SettingsGroup {
  package static let settings: [Setting<Self>] =
    part(\.parts) + part(\.geometry) + trainingSettings + augmentationSettings

  private static let trainingSettings: [Setting<Self>] = {
    let group = "Training"
    return [
      Setting(
        "preset", \.preset,
        "framework whose resizing, augmentation and initialisation are followed",
        group: group, role: .numbers),
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: group, role: .numbers),
      Setting(
        "epochs", \.epochs, "N", in: .from(1, to: 1_000_000), "passes over the training images",
        group: group, role: .comingSteps),
      Setting(
        "batch-size", \.batchSize, "N", in: .from(1, to: 1_048_576),
        "images a step, over all ranks together", group: group, role: .numbers),
      Setting(
        "hidden", \.hidden, "N", in: .from(0, to: 65_536),
        "units of the head's hidden layer; with 0 the head is one linear layer",
        group: group, role: .numbers),
      Setting(
        "optimizer", \.optimizer, "what turns a gradient into a step", group: group,
        role: .numbers),
      Setting(
        "lr", \.learningRate, "X", in: .above(0), "learning rate", group: group,
        role: .comingSteps),
      Setting(
        "weight-decay", \.weightDecay, "X", in: .atLeast(0), "pull of all weights towards 0",
        group: group, role: .comingSteps),
      Setting(
        "momentum", \.momentum, "X", in: .from(0, to: 0.999999),
        "how much of its velocity --optimizer sgd keeps from step to step", group: group,
        role: .numbers),
      Setting(
        "schedule", \.schedule, "how the learning rate falls", group: group, role: .comingSteps),
      Setting(
        "step-epochs", \.stepEpochs, "X", in: .above(0),
        "epochs between two falls of the learning rate",
        group: group, role: .comingSteps, needs: .with("schedule", ["step"])),
      Setting(
        "step-factor", \.stepFactor, "X", in: .above(0, upTo: 1),
        "what each fall multiplies the learning rate by",
        group: group, role: .comingSteps, needs: .with("schedule", ["step"])),
      Setting(
        "warmup-epochs", \.warmupEpochs, "X", in: .atLeast(0),
        "epochs over which the learning rate first rises from 0, at most --epochs", group: group,
        role: .comingSteps),
      Setting(
        "dropout", \.dropout, "P", in: .from(0, to: 0.99),
        "probability with which what the last layer takes is dropped", group: group,
        role: .numbers),
      Setting(
        "label-smoothing", \.labelSmoothing, "X", in: .from(0, to: 0.99),
        "share of the target that is spread over all classes", group: group, role: .numbers),
      Setting(
        "mixup", \.mixup, "ALPHA", in: .from(0, to: 1),
        "how strongly the features and labels of each step's images are mixed with each other",
        group: group, role: .numbers),
      Setting(
        "class-weights", \.classWeights, ClassWeights.placeholder,
        "how much the images of each class count: all classes alike, or the numbers of a JSON "
          + "object",
        group: group, role: .numbers, completion: .words(["balanced"])),
      Setting(
        "standardise", \.standardise,
        "bring each feature to mean 0 and standard deviation 1 before the head", group: group,
        role: .numbers),
      Setting(
        "monitor", \.monitor, "what of the validation images makes an epoch the best",
        group: group, role: .numbers),
      Setting(
        "patience", \.patience, "N", in: .from(1, to: 1_000_000),
        "end the run after N epochs without a better one", group: group, role: .comingSteps),
      Setting(
        "folds", \.folds, "K", in: .from(2, to: 100),
        "cross-validate: train K more heads, each blind to a part of the training images, which it "
          + "then predicts",
        group: group, role: .numbers),
      Setting(
        "max-steps", \.maxSteps, "N", in: .atLeast(1),
        "end the run after N steps, counted from its very first", group: group,
        role: .comingSteps),
      Setting(
        "seed", \.seed, "N", in: .from(0, to: UInt64(Int.max)), "key of all random numbers",
        group: group, role: .numbers),
      Setting(
        "on-bad-image", \.onBadImage, "what happens to an image that cannot be decoded",
        group: group, role: .comingSteps),
    ]
  }()

  /// How strongly images are varied.
  private static let variationSettings: [Setting<Self>] = {
    let group = "Augmentation"
    return [
      Setting(
        "shear", \.shear, "DEGREES", in: .from(0, to: 89), "largest angle of the shear",
        group: group,
        role: .numbers, needs: .without("no-augment")),
      Setting(
        "zoom", \.zoom, "X", in: .from(0, to: 0.99),
        "largest zoom in or out, as a fraction: 0.2 is up to 20 %",
        group: group, role: .numbers, needs: .without("no-augment")),
      Setting(
        "hflip", \.horizontalFlip, "P", in: .from(0, to: 1), "probability of a mirror image",
        group: group, role: .numbers, needs: .without("no-augment")),
    ]
      + AugmentationOperation.all.map { operation in
        Setting(
          operation.name, \.[operation: operation.name], operation.placeholder,
          range: operation.range, operation.help, group: group, role: .numbers,
          completion: operation.choices.isEmpty ? .nothing : .words(operation.choices),
          needs: .without("no-augment")
        ) { operation.numbers($0) != nil }
      }
  }()

  // In this order what is given alone counts beside a level, and nothing beside --no-augment.
  private static let augmentationSettings: [Setting<Self>] =
    [
      Setting(
        "augment", \.level, "what the other options of augmentation are where they are not given",
        group: "Augmentation", role: .numbers)
    ] + variationSettings + [
      Setting(
        "no-augment", \.isPlain, "train on the images as they are", group: "Augmentation",
        role: .numbers),
      Setting(
        "views", \.views, "K", in: .from(0, to: 1_000_000),
        "augmented views of each image, whose features are cached on disk; with 0 every epoch has new "
          + "ones, not cached",
        group: "Augmentation", role: .numbers),
    ]

  package mutating func settle(given: Set<String>) throws(UsageError) {
    guard warmupEpochs <= Double(epochs) else {
      throw UsageError(
        "--warmup-epochs takes a number from 0 to \(epochs), the number of epochs, not "
          + "\(warmupEpochs.written).")
    }
    try parts.settle(given: given)
    guard !given.isSuperset(of: ["augment", "no-augment"]) else {
      throw UsageError("--augment and --no-augment exclude each other; leave one of them out.")
    }
    stepDecay = schedule == .step ? stepDecay.orDefault : nil
    if optimizer == .lbfgs { try settleWholeEpochs(given: given) }
  }

  /// L-BFGS needs the same features in every epoch, and as many of these as it takes.
  private mutating func settleWholeEpochs(given: Set<String>) throws(UsageError) {
    let settings =
      Self.augmentationSettings.map(\.facts.name) + [
        "dropout", "mixup", "schedule", "warmup-epochs", "lr", "patience", "max-steps",
      ]
    if let idle = settings.first(where: { $0 != "no-augment" && given.contains($0) }) {
      throw UsageError("--\(idle) has no effect with --optimizer lbfgs; leave it out.")
    }
    augmentation = nil
    if !given.contains("epochs") { epochs = LimitedMemoryBFGS.usualEvaluations }
  }

  /// The settings in which this configuration is not `other`.
  func differences(from other: TrainingConfiguration) -> [SettingDifference] {
    Self.settings.compactMap { setting in
      let (there, here) = (setting.written(other), setting.written(self))
      return there == here
        ? nil
        : SettingDifference(
          name: setting.facts.name, there: there, here: here,
          mayChange: setting.facts.role == .comingSteps
            && !(optimizer.takesWholeEpochs && setting.facts.name == "weight-decay"))
    }
  }
}

// MARK: - Settings that are parts of optional values

extension TrainingConfiguration {
  fileprivate var stepEpochs: Double {
    get { stepDecay.orDefault.epochs }
    set { stepDecay = StepDecay(epochs: newValue, factor: stepFactor) }
  }

  fileprivate var stepFactor: Double {
    get { stepDecay.orDefault.factor }
    set { stepDecay = StepDecay(epochs: stepEpochs, factor: newValue) }
  }

  fileprivate var isPlain: Bool {
    get { augmentation == nil }
    set { augmentation = newValue ? nil : augmentation }
  }

  /// The augmentation, with 0 for all of it where there is none.
  private var variation: Augmentation {
    get { augmentation ?? Augmentation(shear: 0, zoom: 0, horizontalFlip: 0) }
    set { if newValue != variation { augmentation = newValue } }
  }

  fileprivate var level: AugmentationLevel {
    get { AugmentationLevel.allCases.first { $0.augmentation == augmentation } ?? .own }
    set { augmentation = newValue.augmentation }
  }

  fileprivate var shear: Double {
    get { variation.shear }
    set { variation.shear = newValue }
  }

  fileprivate var zoom: Double {
    get { variation.zoom }
    set { variation.zoom = newValue }
  }

  fileprivate var horizontalFlip: Double {
    get { variation.horizontalFlip }
    set { variation.horizontalFlip = newValue }
  }

  fileprivate subscript(operation name: String) -> String {
    get { variation[name] }
    set { variation[name] = newValue }
  }
}
