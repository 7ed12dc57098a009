import Collectives
import Foundation
import ImageData
import Reports
import Training
import WeightFiles

extension Command {
  static let evaluate = Command(
    name: "evaluate",
    summary: "loss, accuracy, per-class table and confusion matrix of a model",
    discussion: """
      Classifies the validation pictures of DIR (or those of --split train) and compares with their \
      folders' names. Start it under mpirun to share the work.
      """,
    isForRanks: true,
    options: [Option("--data", "DIR", "the picture set (data)")] + modelOptions + [
      Option("--split", "validation|train", "which part of the set (validation)"),
      Option(
        "--on-bad-image", "fail|skip", "what happens to a picture that cannot be decoded (fail)"),
      Option("--json", nil, "the result as one JSON object"),
    ],
    run: { arguments in try withRanks(stallTimeout: .seconds(300)) { try evaluate(arguments, $0) } }
  )

  private static func evaluate(_ arguments: Arguments, _ communicator: any Communicator) throws {
    let model = try TrainedModel(arguments)
    let data = arguments.string("--data") ?? "data"
    let split: Split = try arguments.choice("--split") ?? .validation
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      bytes = [UInt8](
        try JSONEncoder().encode(samples(data, split, classes: model.classes, communicator)))
    }
    try communicator.broadcast(&bytes, from: 0)
    let samples = try JSONDecoder().decode([Sample].self, from: Data(bytes))
    let policy: BadImagePolicy = try arguments.choice("--on-bad-image") ?? .fail
    let result = try Screen.phase("evaluating") { update in
      try Training.evaluate(
        model.head, on: samples,
        producer: model.extractor(root: data, onBadImage: policy),
        options: RunOptions(arguments, communicator: communicator), communicator: communicator,
        progress: { update($0, $1) })
    }
    guard communicator.rank == 0 else { return }
    if let sentence = result.tally.sentence { printError(sentence) }
    let report = EvaluationReport(result, classes: model.classes)
    try printResult(arguments.has("--json") ? report.json : report.text)
  }

  private enum Split: String, CaseIterable { case validation, train }

  private static func samples(
    _ data: String, _ split: Split, classes: [String], _ communicator: any Communicator
  ) throws -> [Sample] {
    let manifest = try DatasetManifest.scan(
      root: data, classes: classes, reportingTo: communicator)
    return split == .train ? manifest.train : manifest.validation
  }
}

extension DatasetManifest {
  /// The labelled pictures of `root`, whose classes must be those of a model.
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
