import Collectives
import Foundation
import Head
import Reports
import Settings
import Training

extension ProgressStyle: SettingChoice {}

/// `train`: a classifier, alone or on every rank of mpirun.
struct TrainCommand: Command {
  static let name = "train"
  static let summary = "train a classifier, alone or on every rank of mpirun"
  static let discussion = """
    Trains a small head on the features of a frozen ResNet. DIR holds train/<class>/... and \
    validation/<class>/... with images, or <class>/... and --validation-split draws a part. Start it under mpirun to share the work; the \
    result is the same on any number of processes.
    """
  static let isForRanks = true
  static let example = "avp-dist train --data data --epochs 10"
  static let settings: [Setting<Self>] =
    part(\.images) + part(\.backbone) + part(\.configuration) + part(\.runSettings)

  var images = ImageSetSettings()
  var backbone = BackboneSettings()
  var configuration = TrainingConfiguration()
  var runSettings = RunSettings()
  /// Options that were given and change nothing in this combination. They are let pass, because
  /// models that were made with them carry their values.
  private(set) var idle: [String] = []

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    try configuration.settle(given: given)
    if configuration.optimizer != .sgd, given.contains("momentum") {
      idle.append("--momentum has no effect without --optimizer sgd")
    }
    if configuration.augmentation == nil, configuration.views > 0 {
      idle.append("--views has no effect with --no-augment")
    }
  }

  func run() throws { try TrainingRun(self).run() }

  /// The values of the settings that decide what ranks exchange, by name.
  var exchangeSettings: [String: String] {
    let settings = Self.settings.filter { $0.facts.role == .exchange }
    return Dictionary(
      uniqueKeysWithValues: settings.map { ($0.facts.name, $0.written(self)) })
  }
}

/// How a run proceeds, and where.
struct RunSettings: SettingsGroup {
  var output: String?
  var resume: String?
  var resumeOverride = false
  var checkpointEverySteps: Int?
  var keep: Int?
  var exchange = Exchange.auto
  var stallTimeout = 300
  var log = ProgressStyle.auto
  var config: String?

  static let settings: [Setting<Self>] = {
    let group = "Run"
    return [
      Setting(
        "output", \.output, "DIR", "the run's folder", group: group,
        shown: "the next free runs/NNN", completion: .folders),
      Setting(
        "resume", \.resume, "auto|FILE", "go on from the newest whole checkpoint, or from FILE",
        group: group, role: .exchange, completion: .files),
      Setting(
        "resume-override", \.resumeOverride,
        "let options that act on coming steps only, as --epochs, differ from the checkpoint's",
        group: group,
        role: .exchange),
      Setting(
        "checkpoint-every-steps", \.checkpointEverySteps, "N", in: .atLeast(1),
        "write a checkpoint every N steps, besides those at the ends of epochs", group: group,
        role: .exchange),
      Setting(
        "keep", \.keep, "N", in: .from(1, to: 1_000_000),
        "how many of the newest checkpoints stay, besides that of the best epoch", group: group,
        shown: "all"),
      Setting(
        "exchange", \.exchange, "what ranks send each other", group: group, role: .exchange),
      Setting(
        "stall-timeout", \.stallTimeout, "SECONDS", in: .from(1, to: 1_000_000),
        "seconds for which a rank may keep the others waiting", group: group, role: .exchange),
      Setting("log", \.log, "how progress is shown", group: group),
      Setting(
        "config", \.config, "FILE.json", "options as a JSON object; those on the command line win",
        group: group, completion: .files),
    ]
  }()

  var start: RunStart { RunStart(resume: resume) }
}
