import Foundation
import Settings
import Training

/// `sweep`: many settings of the head in one run.
struct SweepCommand: Command {
  static let name = "sweep"
  static let summary = "try many settings of the head in one run, and keep the best"
  static let discussion = """
    The backbone does nearly all of the work and is the same for every head, so one pass over the \
    images trains a head for each combination of the values that are given as lists, and one more \
    for each fold: what a head says about images that it has not seen decides which settings are \
    best, and how good they are. The validation images have no part in that. The head of the best \
    settings, trained on all training images, is the run's model. Without lists it tries heads with \
    standardised features and mixup in five strengths, on images as they are, for 30 epochs.
    """
  static let isForRanks = true
  static let example = "avp-dist sweep --data data --hidden 0,128 --lr 1e-4,1e-3 --epochs 10"
  static let settings: [Setting<Self>] =
    part(\.images) + part(\.backbone)
    + TrainingConfiguration.settings.compactMap { setting in
      switch setting.facts.name {
      case _ where SweepGrid.names.contains(setting.facts.name):
        setting.listed(in: \.lists, role: .exchange)
      // They end a run by the validation images, which have no part in a sweep.
      case "patience": nil
      case "epochs":
        setting.within(\.configuration).showing(
          default: "3, without lists \(SweepGrid.usualEpochs)")
      case "folds":
        setting.within(\.configuration).showing(
          default: "5",
          help: "parts of the training images, each kept from one head that predicts it")
      case "monitor":
        setting.within(\.configuration).showing(
          default: "loss", help: "what of the folds' predictions ranks the settings")
      default: setting.within(\.configuration)
      }
    } + [
      Setting(
        "random", \.random, "N", in: .from(1, to: 10_000),
        "try N of the combinations, drawn by the seed", group: "Training", role: .exchange)
    ]
    + part(\.runSettings).map { setting in
      setting.facts.name == "keep" ? setting.showing(default: "1") : setting
    } + [
      Setting("json", \.json, "print the result as one JSON object", group: "Run")
    ]

  var images = ImageSetSettings()
  var backbone = BackboneSettings()
  var configuration = Self.usualConfiguration
  var lists: [String: [String]] = [:]
  var random: Int?
  var runSettings = RunSettings()
  var json = false
  /// What is tried; there is none before the options are read.
  private(set) var grid: SweepGrid?

  private static var usualConfiguration: TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.folds = 5
    // Less a matter of chance than the number of right answers.
    configuration.monitor = .loss
    return configuration
  }

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    if lists.isEmpty {
      lists = SweepGrid.usual
      if !given.contains("epochs") { configuration.epochs = SweepGrid.usualEpochs }
      let augmentation = TrainingConfiguration.settings.filter { $0.facts.group == "Augmentation" }
      if given.isDisjoint(with: augmentation.map(\.facts.name)) {
        configuration.augmentation = nil
      }
    }
    grid = try SweepGrid(lists, on: configuration, given: given, random: random)
  }

  func run() throws {
    guard let grid else { preconditionFailure("options are read before a command runs") }
    var command = TrainCommand()
    command.images = images
    command.backbone = backbone
    command.configuration = grid.points[0].configuration
    command.runSettings = runSettings
    let printsJSON = json || runSettings.log == .json
    try TrainingRun(command, sweep: Sweep(grid: grid, printsJSON: printsJSON)).run()
  }
}
