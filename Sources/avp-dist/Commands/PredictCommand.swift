import Collectives
import Foundation
import Head
import Reports
import Training
import WeightFiles

extension Command {
  static let modelOptions = [
    Option("--checkpoint", "FILE", "model, best or checkpoint of a run, or a whole exported model"),
    Option(
      "--weights", "FILE|demo|random[:SEED]", "the backbone, where it is not where the run had it"),
    Option("--threads", "N", "threads (those the process may use)"),
    Option("--cache-dir", "DIR", "where prepared weights are kept ($XDG_CACHE_HOME/avp-dist)"),
  ]

  static let predict = Command(
    name: "predict",
    summary: "say what pictures show, in percent for each class",
    operands: "IMAGE|DIR...",
    discussion: "Classifies pictures, or all pictures in folders, with a trained model.",
    options: modelOptions + [
      Option("--json", nil, "one JSON object a picture, for other programs"),
      Option("--html", "FILE", "a page with the pictures and the percentages"),
    ],
    run: predict)

  private static func predict(_ arguments: Arguments) throws {
    guard !arguments.operands.isEmpty else {
      throw UsageError("Name at least one picture or folder.")
    }
    let model = try TrainedModel(arguments)
    let list = try PictureList(arguments.operands)
    let options = try RunOptions(arguments, communicator: SingleProcess())
    let results = try Training.features(
      of: list.requests, producer: model.extractor(root: PictureList.root), options: options)
    let vectors = results.compactMap { result -> [Float]? in
      if case .features(let vector) = result { vector } else { nil }
    }
    let rows = zip(list.names, model.head.logits(of: vectors)).map { name, logits in
      Prediction(
        image: name, classes: model.classes,
        probabilities: probabilities(ofLogits: logits))
    }
    if arguments.has("--json") {
      for row in rows { try printResult(row.json) }
    } else {
      try printResult(visible(PredictionTable.text(rows)))
    }
    if let path = arguments.string("--html") {
      let page = PredictionPage.html(rows, backbone: model.backbone.name)
      try writeAtomically(Array(page.utf8), to: path)
    }
  }
}
