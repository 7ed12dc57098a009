import Collectives
import FileIO
import Foundation
import ImageData
import Reports
import Settings
import Training

/// `evaluate`: how well a model does on labelled images.
struct EvaluateCommand: Command {
  static let name = "evaluate"
  static let summary = "loss, accuracy, further scores and confusion matrix of a model"
  static let discussion = """
    Classifies the validation images of DIR (or another part, see --split) and compares with their \
    labels. Parts that training drew with --validation-split and --test-split are drawn again. Start \
    it under mpirun to share the work.
    """
  static let isForRanks = true
  static let example = "avp-dist evaluate --checkpoint runs/001 --data data"
  static let settings: [Setting<Self>] =
    part(\.images) + [
      Setting("split", \.split, "which part of the images", group: "Images")
    ] + part(\.parts) + [
      Setting(
        "on-bad-image", \.onBadImage, "what happens to an image that cannot be decoded",
        group: "Images")
    ] + part(\.model) + [
      Setting(
        "calibrated", \.calibrated, "score probabilities at the model's temperature",
        group: "Model"),
      Setting("json", \.json, "print the result as one JSON object", group: "Output"),
    ]

  var images = ImageSetSettings()
  var split = Part.validation
  /// The parts to draw; those of the model where nothing is given.
  var parts = PartSettings()
  var onBadImage = BadImagePolicy.fail
  var model = ModelSettings()
  var calibrated = false
  var json = false

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    try parts.settle(given: given)
  }

  func run() throws {
    try withRanks(stallTimeout: .seconds(300)) { communicator in
      let report = try evaluate(communicator)
      if communicator.rank == 0 { try printResult(json ? report.json : report.text) }
    }
  }

  /// What the model makes of the images, the same on every rank. Collective.
  func evaluate(_ communicator: any Communicator) throws -> EvaluationReport {
    let model = try TrainedModel(self.model)
    let temperature = try model.temperature(calibrated: calibrated)
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      let set = try images.scan(
        parts.wish(needing: split, of: model.partShares), classes: model.classes,
        reportingTo: communicator)
      bytes = [UInt8](try JSONEncoder().encode(set[split]))
    }
    try communicator.broadcast(&bytes, from: 0)
    let samples = try JSONDecoder().decode([Sample].self, from: Data(bytes))
    let result = try Screen.phase("evaluating") { update in
      try Training.evaluate(
        model.head, temperature: temperature, on: samples,
        producer: model.extractor(root: images.root, onBadImage: onBadImage),
        options: self.model.machine.runOptions(communicator), communicator: communicator,
        progress: { update($0, $1) })
    }
    if communicator.rank == 0, let sentence = result.tally.sentence { printError(sentence) }
    return EvaluationReport(
      result, classes: model.classes, temperature: calibrated ? temperature : nil)
  }
}

extension Part: SettingChoice {}
