import Launching

/// Something that is wrong or out of line, with what to do about it.
package struct JobFinding: Codable, Equatable, Sendable {
  /// What it is about.
  package enum Subject: String, Codable, CaseIterable, Sendable {
    case build, mpi, network, images, weights, output, processors, kernels, memory, limits, clock
    case speed, link, exchange
  }

  package var subject: Subject
  /// The status that training would end with; nil for a warning.
  package var status: Int32?
  /// The hosts that are meant; empty for the job as a whole.
  package var hosts: [String]
  /// What is wrong, as sentences.
  package var text: String
  /// What to do.
  package var remedy: String

  /// Whether training would fail.
  package var isError: Bool { status != nil }

  /// A finding that ends training with `status`.
  package static func error(
    _ subject: Subject, _ status: ExitStatus, _ hosts: [String] = [], _ text: String,
    remedy: String
  ) -> JobFinding {
    JobFinding(
      subject: subject, status: status.rawValue, hosts: hosts, text: text, remedy: remedy)
  }

  /// A finding with which training goes on.
  package static func warning(
    _ subject: Subject, _ hosts: [String] = [], _ text: String, remedy: String
  ) -> JobFinding {
    JobFinding(subject: subject, status: nil, hosts: hosts, text: text, remedy: remedy)
  }
}

/// What is wrong with the builds of the ranks; looked for before anything else.
///
/// - Parameter builds: of each rank, with its host.
package func findings(of builds: [(host: String, build: BuildFacts)]) -> [JobFinding] {
  guard let first = builds.first else { return [] }
  let others = builds.filter { $0.build != first.build }
  guard let other = others.first else { return [] }
  return [
    .error(
      .build, .configuration, unique(others.map(\.host)),
      "\(list(unique(others.map(\.host)))) \(others.count == 1 ? "has" : "have") avp-dist "
        + "\(other.build.text); rank 0 (host \(first.host)) has \(first.build.text). Nothing else "
        + "was looked at, as other builds may not speak the same way.",
      remedy: "Copy the same file to every host.")
  ]
}

/// What is wrong with a job: errors in the order in which training would meet them, then warnings.
/// A function of the facts alone.
package func findings(of job: JobFacts) -> [JobFinding] {
  let all =
    judgeMessagePassing(job) + judgeImageLists(job) + judgeWeights(job) + judgeImageContents(job)
    + judgeOutput(job) + judgeAddresses(job) + judgeProcessors(job) + judgeKernels(job)
    + judgeMemory(job) + judgeLimits(job) + judgeClocks(job) + judgeSpeed(job) + judgeLinks(job)
    + judgeExchange(job)
  return all.filter(\.isError) + all.filter { !$0.isError }
}

/// Names in their order, each once.
func unique(_ names: [String]) -> [String] {
  names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
}

/// "host a", "hosts a and b", "hosts a, b, c and 4 more".
func list(_ hosts: [String]) -> String {
  let shown = hosts.prefix(hosts.count > 4 ? 3 : 4)
  let last = hosts.count > 4 ? "\(hosts.count - 3) more" : shown.count > 1 ? hosts.last : nil
  let names = hosts.count > 4 ? Array(shown) : last == nil ? Array(shown) : shown.dropLast()
  let text = names.joined(separator: ", ")
  return (hosts.count == 1 ? "host " : "hosts ") + (last.map { "\(text) and \($0)" } ?? text)
}
