import Collectives
import Foundation
import Head
import Reports
import Training
import WeightFiles

extension Command {
  static let modelOptions = [
    Option(
      "--checkpoint", "RUN|FILE",
      "a run's folder, for its best model; a model or checkpoint of one; an exported model"),
    Option(
      "--weights", "FILE|demo|random[:SEED]", "the backbone, where it is not where the run had it"),
    Option("--threads", "N", "threads (those the process may use)"),
    Option("--cache-dir", "DIR", "where prepared weights are kept ($XDG_CACHE_HOME/avp-dist)"),
  ]

  static let predict = Command(
    name: "predict",
    summary: "say what pictures show, in percent for each class",
    operands: "IMAGE|DIR...",
    discussion: """
      Classifies pictures, or all pictures in folders, with a trained model. A picture that cannot be
      used has a line that says why, and the exit status is then 65, or 66 where it is missing. Start
      it under mpirun to share the work.
      """,
    isForRanks: true,
    options: modelOptions + [
      Option("--json", nil, "one JSON object a picture, for other programs"),
      Option("--html", "FILE", "a page with the pictures as the network sees them"),
    ],
    run: { arguments in try withRanks(stallTimeout: .seconds(300)) { try predict(arguments, $0) } }
  )

  /// Nobody reads the rows any more, and nothing else is wanted.
  private struct Unread: Error {}

  private static func predict(_ arguments: Arguments, _ communicator: any Communicator) throws {
    guard !arguments.operands.isEmpty else {
      throw UsageError("Name at least one picture or folder.")
    }
    let model = try TrainedModel(arguments)
    let list = try PictureList(arguments.operands, communicator)
    let extractor = model.extractor(root: PictureList.root)
    let options = try RunOptions(arguments, communicator: communicator)
    let hasPage = arguments.has("--html")
    let isRoot = communicator.rank == 0
    var output = isRoot ? try PredictionOutput(arguments, model, names: list.names) : nil
    let share = { (update: (Int, Int?) -> Void) in
      try shareFeatures(
        of: list.requests, producer: extractor, options: options, communicator: communicator,
        attach: { hasPage ? try extractor.thumbnail(of: $0.sample) : [] },
        receive: { index, outcome in
          try output?.add(index, outcome)
          let isRead = output?.isRead ?? true
          if !isRead && !hasPage && communicator.worldSize == 1 { throw Unread() }
          update(index + 1, list.names.count)
        })
    }
    do {
      // On a terminal the rows themselves tell how far it is.
      let tally =
        Screen.output == nil ? try Screen.phase("predicting", share) : try share { _, _ in }
      try output?.finish()
      if isRoot, let sentence = tally.sentence { printError(sentence) }
    } catch is Unread {
      return
    } catch {
      output?.discard()
      throw error
    }
    try (output?.bad ?? BadPictures()).check(of: list.names.count, communicator)
  }
}
