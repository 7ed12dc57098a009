import Collectives
import FileIO
import Foundation
import ImageData
import Reports
import Settings
import Training

/// `similar`: images that look like others.
struct SimilarCommand: Command {
  static let name = "similar"
  static let summary = "find images that are nearly the same, or those nearest to one"
  static let discussion = """
    Compares images by the cosine of the angle between their features. Prints the groups of images that \
    are nearly the same, the surest first: in a group each image is as near as --threshold to another \
    one, which is told with it. With --to it prints the nearest to each image there instead. For an \
    image that cannot be used it goes on, and the exit status is then 65, or 66 if the file is missing. \
    Start it under mpirun to share the work.
    """
  static let operands: String? = "[IMAGE|DIR|-...]"
  static let isForRanks = true
  static let example = "avp-dist similar --data data --output groups.csv"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "threshold", \.threshold, "COSINE", in: .above(0, upTo: 1),
        "the least cosine of images that are nearly the same", group: "Search"),
      Setting(
        "to", \.queries, "IMAGE|DIR", "find the nearest to this image, or to each of the folder",
        group: "Search", completion: .files),
      Setting(
        "top", \.top, "K", in: .from(1, to: 1_000_000), "with --to: how many of the nearest",
        group: "Search"),
    ] + part(\.images) + part(\.features) + [
      Setting(
        "json", \.json, "print a JSON object for each group or image, for other programs",
        group: "Output"),
      Setting(
        "output", \.output, "FILE.csv|FILE.jsonl", "also write a table, or those lines of JSON",
        group: "Output", completion: .files),
    ]

  var threshold = Double("\(NearGroup.defaultThreshold)") ?? 1
  var queries: String?
  var top = 10
  var images = ImageSetSettings()
  var features = FeatureSettings()
  var json = false
  var output: OutputFile?
  private var namesSet = false
  private var named: [String] = []

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    namesSet = !given.isDisjoint(with: ["data", "manifest"])
    if queries != nil, given.contains("threshold") {
      throw UsageError(
        "--to asks for the nearest, however near they are; leave out --threshold, or --to.")
    }
    if queries == nil, given.contains("top") {
      throw UsageError("--top has no effect without --to; give that too, or leave it out.")
    }
  }

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard operands.isEmpty || !namesSet else {
      throw UsageError("'\(operands[0])' and a set are given; one of them names the images.")
    }
    named = operands
  }

  func run() throws { try withRanks(stallTimeout: .seconds(300)) { try search($0) } }

  private func search(_ communicator: any Communicator) throws {
    let known = try comparedImages(communicator)
    let asked = try queries.map { try ImageList([$0], communicator) }
    // Before the work, not after it: whether the file can be made.
    if communicator.rank == 0, let output { try TemporaryFile(beside: output.path).discard() }
    let backbone = try features.loadedBackbone()
    let machine = features.backbone.machine
    let extractor = features.extractor(backbone, root: ImageList.root)
      .caching(backbone, in: machine.cache)
    let options = try machine.runOptions(communicator)
    var bad = BadImages()
    func vectors(of samples: [Sample], names: [String]) throws -> UnitVectors {
      var vectors = UnitVectors(width: backbone.backbone.featureCount)
      try Screen.phase("computing features") { update in
        _ = try shareFeatures(
          of: samples.enumerated().map { FeatureRequest(sample: $1, index: $0, view: nil) },
          producer: extractor, options: options, communicator: communicator
        ) { index, outcome in
          if case .failure(let error) = outcome.features { bad.add(names[index], error) }
          vectors.append(try? outcome.features.get())
          update(index + 1, samples.count)
        }
      }
      return vectors
    }
    let all = try vectors(of: known.map(\.sample), names: known.map(\.image.name))
    let others = try asked.map { list in
      try vectors(of: list.requests.map(\.sample), names: list.names)
    }
    if communicator.rank == 0 {
      let report: SimilarityReport
      if let asked, let others {
        let nearest = try all.nearest(
          to: others, limit: top, own: Self.indices(of: asked, among: known),
          threads: options.threads, communicator)
        report = SimilarityReport(nearest, to: asked.names, among: known.map(\.image))
      } else {
        let groups = try all.nearGroups(
          threshold: Float(threshold), threads: options.threads, communicator)
        report = SimilarityReport(groups, of: known.map(\.image), threshold: threshold)
      }
      if let output { try writeAtomically(Array(report.file(output.format).utf8), to: output.path) }
      let text = json ? report.json : report.text
      if !text.isEmpty { _ = try printResult(text) }
    }
    try bad.check(of: known.count + (asked?.names.count ?? 0), communicator)
  }

  /// The images to search, sorted by name, each once; their files are named from the root on. Collective.
  private func comparedImages(
    _ communicator: any Communicator
  ) throws -> [(image: ComparedImage, sample: Sample)] {
    var found: [(image: ComparedImage, sample: Sample)] = []
    if named.isEmpty {
      let set = try images.shared(PartWish(needed: [], isInspection: true), communicator)
      if communicator.rank == 0, set.leftOut.count > 0 { printError("\(set.leftOut)") }
      for part in [Part.train, .validation, .test] {
        found += set[part].map { sample in
          (
            ComparedImage(sample.path, part: part, className: set.classes[sample.label]),
            Sample(
              path: absolutePath(sample.file(in: images.root)), label: sample.label,
              bytes: sample.bytes, digest: sample.digest)
          )
        }
      }
    } else {
      let list = try ImageList(named, communicator)
      found = zip(list.names, list.requests).map { (ComparedImage($0), $1.sample) }
    }
    found.sort { $0.image.name.utf8.lexicographicallyPrecedes($1.image.name.utf8) }
    return found.enumerated().filter { index, entry in
      index == 0 || found[index - 1].image.name != entry.image.name
    }.map(\.element)
  }

  /// Where each of the images that are asked for stands among those that are searched; nil for nowhere.
  private static func indices(
    of asked: ImageList, among known: [(image: ComparedImage, sample: Sample)]
  ) -> [Int?] {
    func place(_ sample: Sample) -> String { realPath(sample.file(in: ImageList.root)) }
    var wanted: [String: Int?] = [:]
    for request in asked.requests { wanted[place(request.sample)] = .some(nil) }
    for (index, entry) in known.enumerated() {
      let place = place(entry.sample)
      if wanted[place] != nil { wanted[place] = index }
    }
    return asked.requests.map { wanted[place($0.sample)] ?? nil }
  }
}
