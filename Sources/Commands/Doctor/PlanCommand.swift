import Diagnosis
import FileIO
import Foundation
import Head
import Launching
import Reports
import Settings

/// `plan`: what more hosts would bring.
struct PlanCommand: Command {
  static let name = "plan"
  static let summary = "tell how long an epoch would take on 1, 2, 4 and more hosts"
  static let discussion = """
    Computes from a model of a step (docs/scaling.md) how long an epoch takes on up to N hosts of one \
    kind, with either exchange, and what limits it. The numbers come from what `avp-dist doctor --json` \
    has measured, or from options, which win.
    """
  static let example = "avp-dist plan --from doctor.json --hosts 16"
  static let settings: [Setting<Self>] = {
    let (hosts, work) = ("Hosts", "Training")
    return [
      Setting(
        "from", \.file, "FILE", "what `doctor --json` has printed", group: hosts, completion: .files
      ),
      Setting("hosts", \.hosts, "N", in: .from(1, to: 65_536), "how many hosts", group: hosts),
      Setting(
        "images-per-second", \.rate, "X", in: .above(0), "what a host computes", group: hosts,
        shown: "the file's"),
      Setting(
        "latency", \.latency, "MS", in: .atLeast(0), "milliseconds of a message between hosts",
        group: hosts, shown: "the file's, else 0.5"),
      Setting(
        "bandwidth", \.bandwidth, "MBIT", in: .above(0),
        "megabits a second of a host, in each direction", group: hosts,
        shown: "the file's, else 936"),
      Setting(
        "deviation", \.deviation, "PERCENT", in: .atLeast(0),
        "how much the time of a group of 8 images varies", group: hosts, shown: "the file's, else 3"
      ),
      Setting(
        "images", \.images, "N", in: .from(1, to: 1_000_000_000), "training images", group: work,
        shown: "the file's, else 1000"),
      Setting(
        "batch-size", \.batch, "N", in: .from(1, to: 1_048_576),
        "images a step, over all ranks together", group: work, shown: "the file's, else 32"),
      Setting(
        "hidden", \.hidden, "N", in: .from(0, to: 65_536), "units of the head's hidden layer",
        group: work, shown: "the file's, else 128"),
      Setting(
        "classes", \.classes, "N", in: .from(2, to: 1_000_000), "classes", group: work,
        shown: "the file's, else 2"),
      Setting("json", \.json, "the result as one JSON object", group: "Output"),
    ]
  }()

  var file: String?
  var hosts = 16
  var rate: Double?
  var latency: Double?
  var bandwidth: Double?
  var deviation: Double?
  var images: Int?
  var batch: Int?
  var hidden: Int?
  var classes: Int?
  var json = false

  mutating func settle(given: Set<String>) throws(UsageError) {
    guard file == nil, rate == nil else { return }
    throw UsageError("--from FILE of `doctor --json` is needed, or --images-per-second.")
  }

  func run() throws {
    let report = PlanReport(try model(), upTo: hosts)
    try printResult(json ? report.json : report.text)
  }

  private func model() throws -> CostModel {
    var model = try file.map(measured) ?? CostModel(rate: rate ?? 1)
    if file == nil { model.work.train = 1000 }
    if let rate { model.rate = rate }
    if let latency { model.latency = latency / 1000 }
    if let bandwidth { model.bandwidth = bandwidth * 1e6 / 8 }
    if let deviation { model.deviation = deviation / 100 }
    if let images { model.work.train = images }
    if let batch { model.work.batch = batch }
    if file == nil || hidden != nil || classes != nil {
      model.work.classes = classes ?? model.work.classes
      model.work.parameters = try HeadShape(
        features: model.work.features, hidden: hidden ?? 128, classes: model.work.classes
      ).parameterCount
    }
    return model
  }

  /// What `doctor` has measured.
  private func measured(_ path: String) throws -> CostModel {
    let bytes = try readFile(path, limit: 1 << 30)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let diagnosis: JobDiagnosis
    do {
      diagnosis = try decoder.decode(JobDiagnosis.self, from: Data(bytes))
    } catch {
      throw Failure(
        status: .badData,
        description: "\(path) is not what `doctor --json` prints: \(reason(of: error))")
    }
    guard let model = CostModel(diagnosis.facts), model.isSound else {
      throw Failure(
        status: .badData,
        description: "\(path) has no speed of every rank: see what `doctor` has found there.")
    }
    return model
  }
}
