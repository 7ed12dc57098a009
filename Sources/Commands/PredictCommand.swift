import Collectives
import FileIO
import Foundation
import Head
import Reports
import Settings
import Training

/// `predict`: what images show.
struct PredictCommand: Command {
  static let name = "predict"
  static let summary = "say what images show, in percent for each class"
  static let discussion = """
    Classifies images, or all images in folders, with a trained model; - stands for names on the \
    standard input, one a line or each ended by a zero byte. For an image that cannot be \
    used it prints why and goes on; the exit status is then 65, or 66 if the file is missing. \
    Start it under mpirun to share the work.
    """
  static let operands: String? = "IMAGE|DIR|-..."
  static let isForRanks = true
  static let example = "avp-dist predict --checkpoint runs/001 holiday/*.jpg"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "manifest", \.manifest, "FILE", "table of images: CSV, TSV or JSON lines with path",
        group: "Images", completion: .files)
    ] + part(\.model) + [
      Setting(
        "calibrated", \.calibrated,
        "probabilities at the model's temperature, which mean what they say", group: "Model"),
      Setting(
        "json", \.json, "print a JSON object for each image, for other programs", group: "Output"),
      Setting(
        "top", \.top, "K", in: .from(1, to: 1_000_000),
        "tell the K likeliest classes of each image", group: "Output", shown: "all, or 3 of many"),
      Setting(
        "output", \.output, "FILE.csv|FILE.jsonl",
        "also write a table, or a line of JSON for each image", group: "Output",
        completion: .files),
      Setting(
        "html", \.html, "FILE", "also write a page with the images as the network sees them",
        group: "Output", completion: .files),
      Setting(
        "heat-map", \.heatMap,
        "with --html: show where in an image the network found what speaks for the likeliest class",
        group: "Output"),
    ]

  var manifest: String?
  var model = ModelSettings()
  var calibrated = false
  var json = false
  var top: Int?
  var output: OutputFile?
  var html: String?
  var heatMap = false
  private var images: [String] = []

  /// Nobody reads the rows any more, and nothing else is wanted.
  private struct Unread: Error {}

  mutating func take(_ operands: [String]) throws(UsageError) {
    images = manifest == nil ? try named(operands) : operands
  }

  func settle(given: Set<String>) throws(UsageError) {
    guard !heatMap || html != nil else {
      throw UsageError("--heat-map is a part of the page that --html FILE names.")
    }
  }

  func run() throws { try withRanks(stallTimeout: .seconds(300)) { try predict($0) } }

  private func predict(_ communicator: any Communicator) throws {
    let model = try TrainedModel(self.model)
    let temperature = try model.temperature(calibrated: calibrated)
    let list = try ImageList(images, table: manifest, communicator)
    let extractor = model.extractor(root: ImageList.root)
    let options = try self.model.machine.runOptions(communicator)
    let producer: any FeatureProducer =
      heatMap ? HeatMapper(extractor, head: model.head) : extractor
    let hasThumbnails = html != nil && !heatMap
    let hasFile = html != nil || self.output != nil
    let isRoot = communicator.rank == 0
    var output =
      isRoot
      ? try PredictionOutput(
        model, temperature: temperature, names: list.names, json: json, top: top, page: html,
        heatMap: heatMap,
        records: self.output) : nil
    let share = { (update: (Int, Int?) -> Void) in
      try shareFeatures(
        of: list.requests, producer: producer, options: options, communicator: communicator,
        attach: { hasThumbnails ? try extractor.thumbnail(of: $0.sample) : [] },
        receive: { index, outcome in
          try output?.add(index, outcome)
          let isRead = output?.isRead ?? true
          if !isRead && !hasFile && communicator.worldSize == 1 { throw Unread() }
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
    try (output?.bad ?? BadImages()).check(of: list.names.count, communicator)
  }
}
