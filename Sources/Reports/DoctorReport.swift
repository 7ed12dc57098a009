import Diagnosis
import FileIO
import Foundation

extension JobDiagnosis {
  /// The same as a line of JSON.
  package var json: String { jsonLine(self) }

  /// A table of the hosts, what is wrong, and how long an epoch would take, in lines of at most 79
  /// columns.
  package var text: String {
    var lines = heading
    if facts.ranks.contains(where: { $0.processors.online > 0 }) {
      lines += [""] + table + slowest
    }
    for finding in findings {
      lines.append("")
      lines += Self.wrapped((finding.isError ? "! " : "- ") + cell(finding.text))
      lines += Self.wrapped("  " + cell(finding.remedy))
    }
    if let estimate { lines += [""] + self.lines(estimate) }
    lines += ["", verdict]
    return lines.joined(separator: "\n")
  }

  private static func wrapped(_ text: String) -> [String] {
    let indent = text.prefix { $0 == " " }.count
    let lines = CheckReport.wrapped(String(text.dropFirst(indent)), indent: indent)
    // Of what begins with a sign the rest stands below the text.
    return indent == 0
      ? lines : lines.enumerated().map { $0 == 0 ? $1 : String($1.dropFirst(2)) }
  }

  private var verdict: String {
    let warnings = findings.count { !$0.isError }
    let count = warnings == 0 ? "" : " (\(warnings) warning\(warnings == 1 ? "" : "s"))"
    return status == 0
      ? "training can start\(count)" : "training would end with status \(status)\(count)"
  }

  private var heading: [String] {
    let hosts = facts.hosts.count
    let first = facts.ranks[0]
    var lines = [
      "\(facts.ranks.count) rank\(facts.ranks.count == 1 ? "" : "s") on \(hosts) "
        + "host\(hosts == 1 ? "" : "s"), avp-dist \(facts.build.text)"
    ]
    guard first.processors.online > 0 else { return lines }
    let carriers = first.mpi.transports
    lines.append(
      cell(first.mpi.library)
        + (carriers.isEmpty ? "; " : " by \(carriers.joined(separator: ", ")); ")
        + "\(first.processors.kernels) kernels")
    let work = facts.work
    if work.train > 0 {
      lines.append(
        "\(work.train) training and \(work.validation) validation images of \(work.classes) "
          + "classes; weights \(cell(first.weights.name))")
    }
    return lines.flatMap { CheckReport.wrapped($0, indent: 0) }
  }

  // MARK: The table

  /// What the table tells of a host.
  private enum Column: String, CaseIterable {
    case ranks, cores, memory
    case speed = "images/s"
    case network, disk, clock

    var width: Int {
      switch self {
      case .ranks: 6
      case .cores: 7
      case .memory, .speed, .clock: 10
      case .network, .disk: 11
      }
    }

    /// What a mark behind the value is about.
    var subjects: Set<JobFinding.Subject> {
      switch self {
      case .ranks: []
      case .cores: [.processors]
      case .memory: [.memory]
      case .speed: [.speed, .weights]
      case .network: [.link, .network]
      case .disk: [.output]
      case .clock: [.clock]
      }
    }

    func value(_ host: JobFacts.Host, _ job: JobFacts) -> String {
      let first = host.first
      let value: String? =
        switch self {
        case .ranks: "\(host.ranks.count)"
        case .cores: "\(host.processors)"
        case .memory: amount(Double(first.memory.usable), "B")
        case .speed: host.rate.map { String(format: "%.1f", $0) }
        case .network: job.bandwidth(of: host.name).map { amount($0, "B/s") }
        case .disk: first.output?.rate.map { amount($0, "B/s") }
        case .clock: first.clock.map { offset($0.ahead) }
        }
      return value ?? "-"
    }

    private func offset(_ seconds: Double) -> String {
      abs(seconds) < 10
        ? String(format: "%+.1f ms", seconds * 1000) : String(format: "%+.0f s", seconds)
    }

    private func amount(_ value: Double, _ unit: String) -> String {
      switch value {
      case ..<1e6: String(format: "%.0f k%@", value / 1e3, unit)
      case ..<10e6: String(format: "%.1f M%@", value / 1e6, unit)
      case ..<1e9: String(format: "%.0f M%@", value / 1e6, unit)
      default: String(format: "%.1f G%@", value / 1e9, unit)
      }
    }
  }

  private static let nameWidth = 13

  private var table: [String] {
    let names = facts.hosts.map { CheckReport.shortened(cell($0.name), to: Self.nameWidth) }
    let header =
      "host".filled(to: Self.nameWidth)
      + Column.allCases.map { $0.rawValue.filledLeft(to: $0.width - 1) + " " }.joined()
    var lines = [header]
    for (host, name) in zip(facts.hosts, names) {
      let cells = Column.allCases.map { column in
        column.value(host, facts).filledLeft(to: column.width - 1)
          + (isMarked(host.name, column.subjects) ? "*" : " ")
      }
      lines.append(name.filled(to: Self.nameWidth) + cells.joined())
    }
    if lines.contains(where: { $0.contains("*") }) { lines.append("* see below") }
    return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }
  }

  private func isMarked(_ host: String, _ subjects: Set<JobFinding.Subject>) -> Bool {
    findings.contains { subjects.contains($0.subject) && $0.hosts.contains(host) }
  }

  // MARK: Speed

  private var slowest: [String] {
    let rates = facts.hosts.compactMap { host in host.slowestRank.map { (host.name, $0) } }
    guard rates.count > 1, let last = rates.min(by: { $0.1 < $1.1 }),
      let first = rates.max(by: { $0.1 < $1.1 })
    else { return [] }
    guard last.1 < 0.95 * first.1 else { return ["All hosts are about as fast."] }
    return CheckReport.wrapped(
      String(
        format: "The slowest host is %@: a rank does %.1f images/s, %.0f %% less than on %@.",
        cell(last.0), last.1, 100 * (1 - last.1 / first.1), cell(first.0)), indent: 0)
  }

  private func lines(_ estimate: JobFacts.Estimate) -> [String] {
    let whole =
      "An epoch of \(estimate.steps) step\(estimate.steps == 1 ? "" : "s") takes about "
      + "\(duration(estimate.epoch)); the validation images take "
      + "\(duration(estimate.validation)), once."
    guard facts.exchange != nil else { return CheckReport.wrapped(whole, indent: 0) }
    return CheckReport.wrapped(
      whole + " With features from the cache \(duration(estimate.cachedEpoch)), with --exchange "
        + "\(facts.work.gathersFeatures ? "gradients" : "features") "
        + "\(duration(estimate.otherEpoch)). A step: images \(duration(estimate.compute)), "
        + "exchange beside them \(duration(estimate.exchange)), waiting for whoever is last "
        + "\(duration(estimate.jitter)).", indent: 0)
  }
}
