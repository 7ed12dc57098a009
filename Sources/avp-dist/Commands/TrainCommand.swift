import Collectives
import Foundation
import Head
import ImageData
import ImageTransforms
import Reports
import Training

extension Command {
  static let train = Command(
    name: "train",
    summary: "train a classifier, alone or on every rank of mpirun",
    discussion: """
      Trains a small head on the features of a frozen ResNet. DIR holds train/<class>/... and
      validation/<class>/... with JPEG and PNG pictures. One process uses all cores; several, also
      of several computers, which `avp-dist launch` starts, give the same result.
      """,
    isForRanks: true,
    options: dataOptions + backboneOptions + headOptions + variationOptions + augmentationOptions
      + runOptions,
    run: { try TrainingRun($0).run() })

  static let dataOptions = [
    Option("--data", "DIR", "folder with train/ and validation/ (data)")
  ]

  static let backboneOptions = [
    Option(
      "--weights", "FILE|demo|random[:SEED]",
      "backbone weights ($AVP_WEIGHTS, else weights/resnet50*, else the fetched file)"),
    Option("--feature-layer", "LAYER", "layer1 to layer4 (the deepest in the file)"),
    Option("--threads", "N", "threads of this process (those it may use)"),
    Option(
      "--cache-dir", "DIR",
      "where prepared weights and features are kept ($XDG_CACHE_HOME/avp-dist)"),
  ]

  private static let headOptions = [
    presetOption,
    Option("--epochs", "N", "passes over the training pictures (3)"),
    Option("--batch-size", "N", "pictures a step, over all ranks together (32)"),
    Option("--hidden", "N", "units of the head's hidden layer (128)"),
    Option("--optimizer", "adam|adamw|sgd", "the rule that turns gradients into steps (adam)"),
    Option("--lr", "X", "learning rate (0.001)"),
    Option("--weight-decay", "X", "pulls weights towards 0 (0)"),
    Option("--momentum", "X", "of sgd (0.9)"),
    Option("--schedule", "constant|cosine|step", "how the learning rate falls (constant)"),
    Option("--step-epochs", "X", "of the step schedule: epochs between two falls (30)"),
    Option("--step-factor", "X", "of the step schedule: what a fall multiplies the rate by (0.1)"),
    Option("--warmup-epochs", "X", "epochs in which the learning rate rises (0)"),
    seedOption,
  ]

  static let presetOption = Option(
    "--preset", "pytorch|keras", "resizing, augmentation and initialisation (pytorch)")
  static let seedOption = Option("--seed", "N", "key of all random numbers (0)")

  /// How strongly pictures are varied.
  static let variationOptions = [
    Option("--shear", "DEGREES", "largest shear (10)"),
    Option("--zoom", "X", "largest zoom in or out, a share (0.2)"),
    Option("--hflip", "P", "probability of a mirror image (0.5)"),
  ]

  private static let augmentationOptions = [
    Option("--no-augment", nil, "train on the pictures as they are"),
    Option("--views", "K", "augmented views of a picture, kept on disk; 0 for new ones (0)"),
  ]

  private static let runOptions = [
    Option("--output", "DIR", "the run's folder (the next free runs/NNN)"),
    Option("--resume", "auto|FILE", "go on from the newest whole checkpoint, or from FILE"),
    Option(
      "--resume-override", nil, "allow other epochs, rates and schedules than the checkpoint's"),
    Option("--checkpoint-every-steps", "N", "checkpoints inside epochs too"),
    Option("--keep", "N", "how many of the newest checkpoints stay, besides the best (all)"),
    Option("--max-steps", "N", "end after N steps in all"),
    Option("--exchange", "gradients|features|auto", "what ranks send each other (gradients)"),
    Option("--stall-timeout", "SECONDS", "how long a rank may keep the others waiting (300)"),
    Option(
      "--on-bad-image", "fail|skip", "what happens to a picture that cannot be decoded (fail)"),
    Option("--log", "auto|plain|json", "how progress is shown (auto)"),
    Option("--config", "FILE.json", "options as a JSON object; those given here win"),
  ]
}

extension TrainingConfiguration {
  /// Reads the settings from the command line.
  init(_ arguments: Arguments) throws {
    self.init()
    let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude
    preset = try arguments.choice("--preset") ?? preset
    epochs = try arguments.int("--epochs", in: 1...1_000_000) ?? epochs
    batchSize = try arguments.int("--batch-size", in: 1...1_048_576) ?? batchSize
    hidden = try arguments.int("--hidden", in: 1...65_536) ?? hidden
    optimiser = try arguments.choice("--optimizer") ?? optimiser
    learningRate = try arguments.double("--lr", in: positive) ?? learningRate
    weightDecay =
      try arguments.double("--weight-decay", in: 0...Double.greatestFiniteMagnitude) ?? weightDecay
    momentum = try arguments.double("--momentum", in: 0...0.999999) ?? momentum
    schedule = try arguments.choice("--schedule") ?? schedule
    warmupEpochs = try arguments.double("--warmup-epochs", in: 0...Double(epochs)) ?? warmupEpochs
    stepDecay = try Self.stepDecay(arguments, schedule)
    seed = UInt64(try arguments.int("--seed", in: 0...Int.max) ?? 0)
    views = try arguments.int("--views", in: 0...1_000_000) ?? views
    maxSteps = try arguments.int("--max-steps", in: 1...Int.max)
    onBadImage = try arguments.choice("--on-bad-image") ?? onBadImage
    augmentation = try Self.augmentation(arguments)
  }

  private static func stepDecay(
    _ arguments: Arguments, _ schedule: LearningRateSchedule.Shape
  ) throws -> StepDecay? {
    guard schedule == .step else {
      if let name = ["--step-epochs", "--step-factor"].first(where: arguments.has) {
        throw arguments.error(
          name, "\(name) has no effect without --schedule step; give that too, or leave it out.")
      }
      return nil
    }
    let customary = StepDecay()
    let range = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude
    return StepDecay(
      epochs: try arguments.double("--step-epochs", in: range) ?? customary.epochs,
      factor: try arguments.double("--step-factor", in: Double.leastNonzeroMagnitude...1)
        ?? customary.factor)
  }

  /// Options that are given and change nothing in this combination. They are let pass, because
  /// models that were made with them carry their values.
  func withoutEffect(_ arguments: Arguments) -> [String] {
    var texts: [String] = []
    if optimiser != .sgd, arguments.has("--momentum") {
      texts.append("--momentum has no effect without --optimizer sgd")
    }
    if augmentation == nil, views > 0 { texts.append("--views has no effect with --no-augment") }
    return texts
  }

  private static func augmentation(_ arguments: Arguments) throws -> Augmentation? {
    let names = ["--shear", "--zoom", "--hflip"]
    if arguments.has("--no-augment") {
      if let name = names.first(where: arguments.has) {
        throw arguments.error(
          name, "\(name) has no effect with --no-augment; leave one of them out.")
      }
      return nil
    }
    return Augmentation(
      shear: try arguments.double("--shear", in: 0...89) ?? 10,
      zoom: try arguments.double("--zoom", in: 0...0.99) ?? 0.2,
      horizontalFlip: try arguments.double("--hflip", in: 0...1) ?? 0.5)
  }
}

extension RunOptions {
  /// Reads what concerns the machine from the command line.
  init(_ arguments: Arguments, communicator: any Communicator) throws {
    self.init()
    let usable = try Processors.usable(communicator)
    threads = try arguments.int("--threads", in: 1...1024) ?? usable
    decodingBytes = try HostMemory.decodingBytes(communicator)
    exchange = try arguments.choice("--exchange") ?? exchange
    checkpointEverySteps = try arguments.int("--checkpoint-every-steps", in: 1...Int.max)
  }
}
