import Collectives
import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import Launching
import Reports
import Settings
import Training

/// `check`: what is wrong with a set of images, before a training meets it.
struct CheckCommand: Command {
  static let name = "check"
  static let summary = "look for what would hurt later in a set of images"
  static let discussion = """
    Decodes every image once and tells which cannot be used, have another format than their name \
    says, are small or long, lie in two parts or classes, or have names that do not travel, with the \
    counts of all classes. Ends with status 65 where training would fail. With --weights it also \
    looks for images that are nearly the same. Start it under mpirun to share the work.
    """
  static let isForRanks = true
  static let example = "avp-dist check --data data --output checked.jsonl"
  static let settings: [Setting<Self>] =
    part(\.images) + part(\.parts) + [
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: "Images")
    ]
    + part(\.backbone).filter { ["weights", "threads", "cache-dir"].contains($0.facts.name) } + [
      Setting("json", \.json, "print the result as one JSON object", group: "Output"),
      Setting(
        "output", \.output, "FILE.jsonl",
        "also write the usable images as a table for --manifest, with sizes and digests",
        group: "Output", completion: .files),
    ]

  var images = ImageSetSettings()
  var parts = PartSettings()
  var orientation = OrientationPolicy.ignore
  var backbone = BackboneSettings()
  var json = false
  var output: String?

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    try parts.settle(given: given)
  }

  func run() throws {
    try withRanks(stallTimeout: .seconds(300)) { communicator in
      let report = try check(communicator)
      if let report { try printResult(json ? report.json : report.text) }
      var fails = [report?.fails == true ? 1 as Int64 : 0]
      try communicator.allreduce(&fails, .maximum)
      guard fails[0] == 0 else {
        throw Failure(
          status: .badData, description: "\(images.name) cannot be trained on as it is.",
          isOfAllRanks: true)
      }
    }
  }

  /// What is found, on rank 0; nil on the others. Collective.
  func check(_ communicator: any Communicator) throws -> CheckReport? {
    let set = try images.shared(
      PartWish(needed: [], isInspection: true, shares: parts.shares), communicator)
    let samples = [Part.train, .validation, .test].flatMap { part in
      set[part].map { (sample: $0, part: part) }
    }
    let source = ImageSource(root: images.root, orientation: orientation)
    let extractor = try extractor(source)
    let inspector = ImageInspector(source, extractor: extractor)
    var checked: [CheckedImage] = []
    var vectors = extractor.map { UnitVectors(width: $0.backbone.featureCount) }
    let options = try backbone.machine.runOptions(communicator)
    try Screen.phase("checking images") { update in
      _ = try shareFeatures(
        of: samples.enumerated().map { FeatureRequest(sample: $1.sample, index: $0, view: nil) },
        producer: inspector, options: options, communicator: communicator
      ) { index, outcome in
        let facts: Result<ImageFacts, DatasetError>
        switch outcome.features {
        case .success(let vector):
          facts = .success(try ImageFacts(attachment: outcome.attachment))
          vectors?.append(vector)
        case .failure(let error):
          facts = .failure(error)
          vectors?.append(nil)
        }
        checked.append(CheckedImage(samples[index].sample, samples[index].part, facts))
        update(index + 1, samples.count)
      }
    }
    guard communicator.rank == 0 else { return nil }
    let groups = try vectors.map { try $0.nearGroups(threads: options.threads, communicator) }
    let report = CheckReport(images.name, set, checked, near: groups)
    if let output { try write(report, to: output) }
    return report
  }

  /// What computes features; nil without weights.
  private func extractor(_ source: ImageSource) throws -> FeatureExtractor? {
    guard backbone.weights != nil else { return nil }
    let loaded = try LoadedBackbone(backbone, inputSize: Geometry().size) { _ in nil }
    return FeatureExtractor(
      backbone: loaded.backbone,
      transform: ImageTransform(preset: .pytorch, normalisation: loaded.normalisation),
      images: source)
  }

  /// Paths are relative to the table's folder where the images lie in it, else from the root on.
  private func write(_ report: CheckReport, to output: String) throws {
    let (place, root) = (realPath(folder(output)), realPath(images.root))
    let table = report.table { sample in
      let file = sample.file(in: root)
      let prefix = place.hasSuffix("/") ? place : place + "/"
      return file.hasPrefix(prefix) ? String(file.dropFirst(prefix.count)) : file
    }
    try writeAtomically(Array(table.utf8), to: output)
  }
}
