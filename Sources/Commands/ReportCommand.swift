import Collectives
import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import Launching
import Reports
import Settings
import Training

/// `report`: a page about a run.
struct ReportCommand: Command {
  static let name = "report"
  static let summary = "a page about a run: curves, confusion matrix, the hardest images"
  static let discussion = """
    Writes RUN/report.html, one file that needs no network: loss and accuracy by epoch, the \
    confusion matrix of the best head, and the validation images that it finds hardest. Works \
    while the run is still under way, too.
    """
  static let operands: String? = "RUN"
  static let example = "avp-dist report runs/001"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "output", \.output, "FILE.html", "the page to write", group: "Output",
        shown: "RUN/report.html", completion: .files),
      Setting(
        "images", \.shown, "N", in: .from(0, to: 10_000),
        "how many of the hardest images are shown", group: "Output"),
      Setting(
        "data", \.data, "DIR",
        "image set to use in place of the run's; needed if the run's folder is another user's",
        group: "Images", completion: .folders),
      Setting(
        "manifest", \.manifest, "FILE", "the same as a table of images", group: "Images",
        completion: .files),
    ] + ModelSettings.settingsWithoutCheckpoint.map { $0.within(\.model) }

  var output: String?
  var shown = 24
  var data: String?
  var manifest: String?
  var model = ModelSettings()
  private var path = ""

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard operands.count == 1 else { throw UsageError("Name the folder of one run.") }
    path = operands[0]
  }

  /// The image set that is named; nil for the run's.
  private var images: ImageSetSettings? {
    data == nil && manifest == nil ? nil : ImageSetSettings(data: data ?? "", manifest: manifest)
  }

  func settle(given: Set<String>) throws(UsageError) {
    guard data != nil, manifest != nil else { return }
    throw UsageError("--data and --manifest are given; one of them names the images.")
  }

  func run() throws {
    let folder = RunFolder(path: path)
    var description = try RunDescription(folder)
    var result = ValidationResult()
    var note: String?
    var classes: [String] = []
    var (epochs, ranks) = try folder.recorded()
    do {
      let file = "\(path)/\(folder.bestModelName)"
      let best = try Checkpoint(folder.bestModelName, in: folder.files)
      if folder.isSweep {
        // The metrics that were written meanwhile are those of the first settings.
        epochs = best.progress.history
        description.configuration = best.record.configuration
      }
      classes = best.record.classes
      result = try ValidationResult(
        TrainedModel(best, model, file),
        images: images ?? folder.ownImages(description, best.record),
        onBadImage: best.record.configuration.onBadImage, shown: shown, model.machine)
    } catch let error as UsageError {
      throw error
    } catch {
      note = "The validation images were not classified for this page: \(reason(of: error))"
    }
    let page = RunPage(
      epochs: epochs, best: description.configuration.best(of: epochs), classes: classes,
      facts: description.facts, confusion: result.confusion, hardest: result.hardest, ranks: ranks,
      note: note)
    let html = Array(page.html.utf8)
    if let output {
      try writeAtomically(html, to: output)
    } else {
      try folder.files.write(html, to: "report.html")
    }
    if let note { printError("warning: \(note)") }
    printLine("\(output ?? path + "/report.html"): open it in a browser")
  }
}

/// What the best head makes of the validation images.
private struct ValidationResult {
  var confusion: [[Int]]?
  var hardest: [RunPage.Image] = []

  init() {}

  init(
    _ model: TrainedModel, images: ImageSetSettings, onBadImage: BadImagePolicy, shown: Int,
    _ machine: MachineSettings
  ) throws {
    let classes = model.classes
    let communicator = SingleProcess()
    let samples = try images.scan(
      PartSettings().wish(needing: .validation, of: model.partShares), classes: classes,
      reportingTo: communicator
    ).validation
    let extractor = model.extractor(root: images.root, onBadImage: onBadImage)
    let results = try Screen.phase("classifying") { update in
      try Training.features(
        of: samples.enumerated().map { FeatureRequest(sample: $1, index: $0, view: nil) },
        producer: extractor, options: machine.runOptions(communicator),
        progress: { update($0, $1) })
    }
    // Those that were left out are in no figure.
    let known = zip(samples, results).compactMap { sample, vector in vector.map { (sample, $0) } }
    func shares(_ vector: [Float]) -> [Double] {
      probabilities(ofLogits: model.head.logits(of: [vector])[0])
    }
    var confusion = classes.map { _ in classes.map { _ in 0 } }
    // The probabilities of all classes are stored for none of the images: there may be many.
    let classified = known.map { sample, vector in
      let logits = model.head.logits(of: [vector])[0]
      confusion[sample.label][predictedClass(ofLogits: logits)] += 1
      return (
        sample: sample, vector: vector, ofTruth: probabilities(ofLogits: logits)[sample.label]
      )
    }
    self.confusion = confusion
    let names = ClassNames(classes)
    let entries = classified.sorted { ($0.ofTruth, $0.sample.path) < ($1.ofTruth, $1.sample.path) }
      .prefix(shown)
    try shareFeatures(
      of: entries.enumerated().map { FeatureRequest(sample: $1.sample, index: $0, view: nil) },
      producer: HeatMapper(extractor, head: model.head), options: machine.runOptions(communicator),
      communicator: communicator
    ) { index, outcome in
      let entry = entries[index]
      if case .failure(let error) = outcome.features { throw error }
      hardest.append(
        RunPage.Image(
          path: entry.sample.path, truth: classes[entry.sample.label],
          prediction: Prediction(
            image: entry.sample.path, classes: names, probabilities: shares(entry.vector)),
          jpeg: outcome.attachment))
    }
  }
}

extension RunFolder {
  /// The epochs that `metrics.jsonl` has, in order, and what it says of ranks; nothing where there is
  /// no such file yet.
  fileprivate func recorded() throws -> ([EpochMetrics], RankTable) {
    var epochs: [EpochMetrics] = []
    var ranks = RankTable()
    do throws(FileError) {
      try files.forEachLine(of: Self.metricsName, limit: Self.metricsLimit) { line in
        if let epoch = try? JSONDecoder().decode(EpochMetrics.self, from: Data(line)) {
          epochs.append(epoch)
        } else {
          ranks.add(line)
        }
      }
    } catch {
      guard error.kind == .missing else { throw error }
    }
    return (epochs, ranks)
  }

  /// The image set that the run says it had, if what it says can be believed: else a stranger's
  /// run would choose whose images go into its page.
  ///
  /// - Parameter shown: which of them go into the page.
  ///
  /// Who wrote `config.json` must be this user. A run that came as an archive is this user's, too,
  /// so the images must be those that the run had, by names and sizes, and lie in that folder.
  func ownImages(
    _ description: RunDescription, _ record: ModelRecord,
    shown: (DatasetManifest) -> [Sample] = { $0.validation }
  ) throws -> ImageSetSettings {
    let data = description.data
    let images = ImageSetSettings(data: data, manifest: description.manifest)
    func refusal(_ reason: String) -> Failure {
      Failure(
        status: .badData,
        description: "\(reason), so its images are not read; name the right ones with --data or "
          + "--manifest")
    }
    if let others = files.strangers() ?? files.strangers(Self.configurationName) {
      throw refusal("\(configuration) names the images in \(data), but \(others)")
    }
    let manifest = try images.scan(PartWish(shares: record.configuration.parts.shares))
    guard manifest.fingerprint == record.dataset else {
      throw refusal("\(data) does not hold the images that the run had")
    }
    let root = URL(fileURLWithPath: data).resolvingSymlinksInPath().path + "/"
    for sample in shown(manifest) {
      let path = sample.file(in: data)
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      guard file.hasPrefix(root) else { throw refusal("\(path) leads out of \(data)") }
    }
    return images
  }
}
