import Collectives
import FileIO
import Foundation
import ImageData
import Launching
import Reports
import Settings
import Training

/// `evaluate`: how well a model does on labelled images.
struct EvaluateCommand: Command {
  static let name = "evaluate"
  static let summary = "loss, accuracy, per-class table and confusion matrix of a model"
  static let discussion = """
    Classifies the validation images of DIR (or those of --split train) and compares with their \
    folders' names. Start it under mpirun to share the work.
    """
  static let isForRanks = true
  static let example = "avp-dist evaluate --checkpoint runs/001 --data data"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "data", \.data, "DIR", "folder with train/ and validation/", group: "Images",
        completion: .folders),
      Setting("split", \.split, "which images of DIR", group: "Images"),
      Setting(
        "on-bad-image", \.onBadImage, "what happens to an image that cannot be decoded",
        group: "Images"),
    ] + part(\.model) + [
      Setting("json", \.json, "print the result as one JSON object", group: "Output")
    ]

  enum Split: String, SettingChoice { case validation, train }

  var data = "data"
  var split = Split.validation
  var onBadImage = BadImagePolicy.fail
  var model = ModelSettings()
  var json = false

  func run() throws {
    try withRanks(stallTimeout: .seconds(300)) { communicator in
      let report = try evaluate(communicator)
      if communicator.rank == 0 { try printResult(json ? report.json : report.text) }
    }
  }

  /// What the model makes of the images, the same on every rank. Collective.
  func evaluate(_ communicator: any Communicator) throws -> EvaluationReport {
    let model = try TrainedModel(self.model)
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      bytes = [UInt8](
        try JSONEncoder().encode(Self.samples(data, split, classes: model.classes, communicator)))
    }
    try communicator.broadcast(&bytes, from: 0)
    let samples = try JSONDecoder().decode([Sample].self, from: Data(bytes))
    let result = try Screen.phase("evaluating") { update in
      try Training.evaluate(
        model.head, on: samples,
        producer: model.extractor(root: data, onBadImage: onBadImage),
        options: self.model.machine.runOptions(communicator), communicator: communicator,
        progress: { update($0, $1) })
    }
    if communicator.rank == 0, let sentence = result.tally.sentence { printError(sentence) }
    return EvaluationReport(result, classes: model.classes)
  }

  private static func samples(
    _ data: String, _ split: Split, classes: [String], _ communicator: any Communicator
  ) throws -> [Sample] {
    let manifest = try DatasetManifest.scan(
      root: data, classes: classes, reportingTo: communicator)
    return split == .train ? manifest.train : manifest.validation
  }
}

extension DatasetManifest {
  /// The labelled images of `root`, whose classes must be those of a model.
  static func scan(
    root: String, classes: [String], reportingTo communicator: any Communicator
  ) throws -> DatasetManifest {
    let manifest = try scan(root: root, reportingTo: communicator)
    if manifest.leftOut.count > 0 { printError("\(manifest.leftOut)") }
    guard manifest.classes == classes else {
      throw Failure(
        status: .badData,
        description: """
          \(root) has the classes \(manifest.classes.joined(separator: ", ")); the model knows \
          \(classes.joined(separator: ", ")).
          """)
    }
    return manifest
  }
}
