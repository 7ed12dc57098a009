import Foundation
import Launching

// What hosts must have in common, and what every one must have.

func judgeMessagePassing(_ job: JobFacts) -> [JobFinding] {
  let first = job.ranks[0]
  var found: [JobFinding] = []
  let others = job.ranks.filter { $0.mpi.library != first.mpi.library }
  if let other = others.first {
    let hosts = unique(others.map(\.host))
    let text =
      "The MPI library on \(list(hosts)) is \(other.mpi.library); on host \(first.host) it is "
      + "\(first.mpi.library)."
    let remedy = "Install the same release of Open MPI on every host."
    found.append(
      Release(other.mpi.library).isSameSeries(as: Release(first.mpi.library))
        ? .warning(.mpi, hosts, text, remedy: remedy)
        : .error(.mpi, .configuration, hosts, text, remedy: remedy))
  }
  for host in job.hosts {
    guard let starter = host.first.mpi.starter,
      !Release(starter).isSame(as: Release(host.first.mpi.library))
    else { continue }
    found.append(
      .warning(
        .mpi, [host.name],
        "The first mpirun on the PATH of host \(host.name) is \"\(starter)\", and avp-dist uses "
          + "\(host.first.mpi.library).",
        remedy: "Put the mpirun of that MPI first on the PATH: another one starts ranks that do "
          + "not find each other."))
  }
  let carriers = job.hosts.filter { $0.first.mpi.transports != first.mpi.transports }
  if others.isEmpty, let other = carriers.first {
    found.append(
      .warning(
        .mpi, carriers.map(\.name),
        "MPI moves messages by \(other.first.mpi.transports.joined(separator: ", ")) on "
          + "\(list(carriers.map(\.name))), and by "
          + "\(first.mpi.transports.joined(separator: ", ")) on host \(first.host).",
        remedy: "Compare `ompi_info` and OMPI_MCA_* on the hosts."))
  }
  return found
}

/// The numbers of a release in a text such as `mpirun (Open MPI) 4.1.4`.
private struct Release {
  let numbers: [Int]
  let isOpenMPI: Bool

  init(_ text: String) {
    let digits = text.firstMatch(of: #/\d+(\.\d+)+/#).map { String($0.0) } ?? ""
    numbers = digits.split(separator: ".").compactMap { Int($0) }
    isOpenMPI = text.contains("Open MPI") || text.contains("OpenRTE")
  }

  func isSame(as other: Release) -> Bool {
    numbers == other.numbers && isOpenMPI == other.isOpenMPI
  }

  /// Whether the first two numbers are the same.
  func isSameSeries(as other: Release) -> Bool {
    numbers.prefix(2) == other.numbers.prefix(2) && isOpenMPI == other.isOpenMPI
  }
}

func judgeWeights(_ job: JobFacts) -> [JobFinding] {
  let failed = job.ranks.filter { $0.weights.trouble != nil }
  let usable = job.ranks.filter { $0.weights.trouble == nil }
  var found: [JobFinding] = []
  if let one = failed.first, let trouble = one.weights.trouble {
    let hosts = unique(failed.map(\.host))
    found.append(
      JobFinding(
        subject: .weights, status: trouble.status, hosts: hosts,
        text: "The weights cannot be used on \(list(hosts)): \(trouble.line)",
        remedy: usable.isEmpty
          ? "`avp-dist weights inspect FILE` says what a file is."
          : "Copy the file from host \(usable[0].host), under the same path."))
  }
  let others = usable.filter { $0.weights.fingerprint != usable[0].weights.fingerprint }
  if let other = others.first {
    let hosts = unique(others.map(\.host))
    found.append(
      .error(
        .weights, .configuration, hosts,
        "The weights on \(list(hosts)) are others than on host \(usable[0].host): "
          + "\(other.weights.name) has the fingerprint \(other.weights.fingerprint.prefix(12)), "
          + "\(usable[0].weights.name) has \(usable[0].weights.fingerprint.prefix(12)).",
        remedy: "Copy the same file to every host."))
  }
  return found
}

func judgeOutput(_ job: JobFacts) -> [JobFinding] {
  job.hosts.compactMap { host in
    guard let output = host.first.output else { return nil }
    let writes = host.name == job.ranks[0].host
    if let trouble = output.trouble {
      let text =
        "A checkpoint of \(megabytes(output.bytes)) cannot be written on host \(host.name): "
        + trouble.line
      let remedy = "Make room in \(output.folder), or make it writable, or name another --output."
      return writes
        ? JobFinding(
          subject: .output, status: trouble.status, hosts: [host.name], text: text, remedy: remedy)
        : .warning(
          .output, [host.name], text,
          remedy: remedy
            + " Rank 0 alone writes, so this matters where it may run after a restart.")
    }
    guard writes else { return nil }
    if output.isUsed {
      return .warning(
        .output, [host.name], "A run is in the folder of --output already.",
        remedy: "--resume auto goes on with it; another --output starts a new one.")
    }
    if let free = output.free, free < 20 * output.bytes {
      return .warning(
        .output, [host.name],
        "\(output.folder) has \(megabytes(free)) left, and a checkpoint takes "
          + "\(megabytes(output.bytes)).", remedy: "Make room there.")
    }
    guard let seconds = output.seconds, seconds > 5 else { return nil }
    return .warning(
      .output, [host.name],
      "A checkpoint of \(megabytes(output.bytes)) takes "
        + "\(String(format: "%.1f", seconds)) s to write.",
      remedy: "Name an --output on a faster disk.")
  }
}

/// Bytes in 10^6 of them.
func megabytes(_ bytes: Int) -> String {
  bytes < 10_000_000
    ? String(format: "%.1f MB", Double(bytes) / 1e6) : "\(bytes / 1_000_000) MB"
}
