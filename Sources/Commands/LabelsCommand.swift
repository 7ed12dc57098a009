import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import Launching
import Reports
import Settings
import Tensors
import Training

/// `labels`: which labels are probably wrong.
struct LabelsCommand: Command {
  static let name = "labels"
  static let summary = "find images whose labels are probably wrong"
  static let discussion = """
    Ranks the labels that the predictions of `train --folds` contradict, by confident learning. RUN is \
    the folder of such a run, which holds them as out-of-sample.csv; a file of the same form may come \
    from elsewhere.
    """
  static let operands: String? = "RUN|FILE.csv"
  static let example = "avp-dist labels runs/001 --html labels.html"
  static let settings: [Setting<Self>] = [
    Setting(
      "limit", \.limit, "N", in: .from(0, to: 1_000_000),
      "how many are printed, and shown on the page", group: "Output"),
    Setting(
      "output", \.output, "FILE.csv", "also write a table of all images, ranked", group: "Output",
      completion: .files),
    Setting(
      "html", \.html, "FILE", "also write a page with the images", group: "Output",
      completion: .files),
    Setting("json", \.json, "print the result as one JSON object", group: "Output"),
    Setting(
      "data", \.data, "DIR", "with --html: the image set, in place of the run's", group: "Images",
      completion: .folders),
    Setting(
      "manifest", \.manifest, "FILE", "the same as a table of images", group: "Images",
      completion: .files),
  ]

  var limit = 20
  var output: String?
  var html: String?
  var json = false
  var data: String?
  var manifest: String?
  private var path = ""

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard operands.count == 1 else {
      throw UsageError("Name the folder of one run with --folds, or one table of predictions.")
    }
    path = operands[0]
  }

  func settle(given: Set<String>) throws(UsageError) {
    guard data == nil || manifest == nil else {
      throw UsageError("--data and --manifest are given; one of them names the images.")
    }
    guard html != nil || data == nil && manifest == nil else {
      throw UsageError("--\(data == nil ? "manifest" : "data") has no effect without --html.")
    }
  }

  func run() throws {
    let (file, name) = try predictions()
    let report = LabelReport(file, name: name)
    if let output { try writeAtomically(Array(report.csv.utf8), to: output) }
    if let html {
      let shown = Array(report.issues.prefix(limit))
      let images = try LabelImages(shown.map(\.image), of: self)
      let entries = Screen.phase("reading images") { update in
        shown.enumerated().map { index, entry in
          update(index + 1, shown.count)
          return (entry: entry, image: images.thumbnail(of: entry.image))
        }
      }
      try writeAtomically(
        Array(LabelPage.html(entries, summary: "\(name): \(report.summary)").utf8), to: html)
    }
    try printResult(json ? report.json : report.text(limit: limit))
  }

  /// The table, and what messages call it.
  private func predictions() throws -> (OutOfSampleFile, name: String) {
    guard isRun else {
      let bytes = try readFile(path, limit: OutOfSampleFile.byteLimit)
      return (try OutOfSampleFile(bytes, path: path), path)
    }
    let name = "\(path)/\(OutOfSampleFile.name)"
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try folder.files.read(OutOfSampleFile.name, limit: OutOfSampleFile.byteLimit)
    } catch {
      guard error.kind == .missing else { throw error }
      throw Failure(
        status: .missingInput,
        description: "\(path) has no \(OutOfSampleFile.name): only a run with --folds, or a sweep, "
          + "classifies each image by a head that was not trained on it. Make one, or name a table."
      )
    }
    return (try OutOfSampleFile(bytes, path: name), name)
  }

  /// Whether a folder is named.
  fileprivate var isRun: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  fileprivate var folder: RunFolder { RunFolder(path: path) }
}

/// The images of a page of labels. Only those of the image set are read, whatever a table names.
private struct LabelImages {
  private let samples: [String: Sample]
  private let source: ImageSource
  private let transform: ImageTransform

  /// Finds the images called `names` in the set that `command` names, or in the run's.
  init(_ names: [String], of command: LabelsCommand) throws {
    let names = Set(names)
    func named(_ set: DatasetManifest) -> [Sample] {
      (set.train + set.validation + set.test).filter { names.contains($0.path) }
    }
    var configuration = TrainingConfiguration()
    var images = ImageSetSettings(data: command.data ?? "", manifest: command.manifest)
    if command.isRun {
      let description = try RunDescription(command.folder)
      configuration = description.configuration
      if command.data == nil, command.manifest == nil {
        let record = try Checkpoint(
          command.folder.bestModelName, in: command.folder.files
        ).record
        images = try command.folder.ownImages(description, record, shown: named)
      }
    } else if command.data == nil, command.manifest == nil {
      throw UsageError("--html needs the images of a table: --data DIR or --manifest FILE.")
    }
    let set = try images.scan(PartWish(needed: [], shares: configuration.parts.shares))
    samples = Dictionary(named(set).map { ($0.path, $0) }) { first, _ in first }
    source = ImageSource(root: images.root, orientation: configuration.orientation)
    transform = ImageTransform(
      preset: configuration.preset, geometry: configuration.geometry,
      normalisation: configuration.preset.normalisation)
  }

  /// The image as the network sees it, as JPEG.
  func thumbnail(of name: String) -> Result<[UInt8], LabelPage.Reason> {
    guard let sample = samples[name] else {
      return .failure(LabelPage.Reason("not one of the image set"))
    }
    do {
      return .success(try encodeJPEG(transform.resized(source.image(of: sample)), quality: 85))
    } catch {
      return .failure(LabelPage.Reason((error as? DatasetError)?.reason ?? reason(of: error)))
    }
  }
}
