import Foundation
import Launching

// What a host has, against what the job needs and the others have.

func judgeAddresses(_ job: JobFacts) -> [JobFinding] {
  var found: [JobFinding] = []
  for host in job.hosts where Set(host.ranks.map(\.boot)).count > 1 {
    found.append(
      .warning(
        .network, [host.name],
        "Two machines call themselves \(host.name): their ranks are taken for those of one host.",
        remedy: "Give each machine a name of its own."))
  }
  let owners = Dictionary(
    grouping: job.hosts.flatMap { host in host.first.addresses.map { (host.name, $0) } }
  ) { $0.1.address }
  for (address, holders) in owners.sorted(by: { $0.key < $1.key })
  where Set(holders.map(\.0)).count > 1 {
    let interfaces = unique(holders.map(\.1.interface))
    found.append(
      .warning(
        .network, unique(holders.map(\.0)),
        "\(list(unique(holders.map(\.0))).capitalisedFirst) all have the address \(address) "
          + "(\(interfaces.joined(separator: ", "))): MPI may try to reach one host by it and find "
          + "another.",
        remedy: "OMPI_MCA_btl_tcp_if_include=NETWORK names the network between the hosts."))
  }
  return found
}

func judgeProcessors(_ job: JobFacts) -> [JobFinding] {
  job.hosts.flatMap { host -> [JobFinding] in
    var found: [JobFinding] = []
    let own = host.processors
    let others = median(job.hosts.filter { $0.name != host.name }.map { Double($0.processors) })
    let isFewer = others.map { Double(own) < $0 } ?? false
    let online = host.first.processors.online
    if own < online {
      let isLimit = host.first.processors.limit.map { $0 <= own } ?? false
      let masks = unique(host.ranks.map(\.processors.mask)).joined(separator: ", ")
      found.append(
        .warning(
          .processors, [host.name],
          "The job may use \(own) of the \(online) processors of host \(host.name) "
            + (isLimit ? "(a limit of its control group)" : "(affinity mask \(masks))")
            + (isFewer ? ", fewer than on the others (\(Int(others ?? 0)))." : "."),
          remedy: isLimit
            ? "Raise the limit: cpu.max of the group, --cpus of a container, the request of a job."
            : "`mpirun --bind-to none` gives ranks all of them; see also taskset and the batch "
              + "system."))
    } else if isFewer {
      found.append(
        .warning(
          .processors, [host.name],
          "Host \(host.name) has \(own) processors, the others \(Int(others ?? 0)).",
          remedy: "All ranks have equal parts of a batch: give this host fewer ranks than others."))
    }
    for (mask, ranks) in Dictionary(grouping: host.ranks, by: \.processors.mask).sorted(
      by: { $0.key < $1.key }) where ranks.count > ranks[0].processors.usable
    {
      found.append(
        .warning(
          .processors, [host.name],
          "\(ranks.count) ranks of host \(host.name) share \(ranks[0].processors.usable) "
            + "processor\(ranks[0].processors.usable == 1 ? "" : "s") (affinity mask \(mask)).",
          remedy: "One rank a host uses all its processors: `--map-by ppr:1:node --bind-to none`."))
    }
    return found
  }
}

func judgeKernels(_ job: JobFacts) -> [JobFinding] {
  let first = job.ranks[0].processors
  let others = job.hosts.filter { $0.first.processors.kernels != first.kernels }
  guard let other = others.first else { return [] }
  return [
    .warning(
      .kernels, others.map(\.name),
      "The kernels on \(list(others.map(\.name))) are \(other.first.processors.kernels), on host "
        + "\(job.ranks[0].host) \(first.kernels): the result may differ in its last bits from that "
        + "of other hosts.",
      remedy: "AVP_KERNELS names kernels that all have; --precision int8 has the same bits on all.")
  ]
}

/// What a rank needs besides the images it decodes: weights, buffers, MPI.
private let bytesOfRank = 512 << 20

func judgeMemory(_ job: JobFacts) -> [JobFinding] {
  job.hosts.compactMap { host in
    let memory = host.first.memory
    guard memory.physical > 0, memory.usable < bytesOfRank * host.ranks.count else { return nil }
    let isLimit = memory.limit.map { $0 < memory.available } ?? false
    return .warning(
      .memory, [host.name],
      "Host \(host.name) leaves \(megabytes(memory.usable)) of memory to \(host.ranks.count) "
        + "rank\(host.ranks.count == 1 ? "" : "s")"
        + (isLimit ? ", by a limit of its control group." : "."),
      remedy: "Fewer ranks or --threads there, or more memory: \(megabytes(bytesOfRank)) a rank is "
        + "little.")
  }
}

func judgeLimits(_ job: JobFacts) -> [JobFinding] {
  job.hosts.flatMap { host -> [JobFinding] in
    let limits = host.first.limits
    let files = 128 + 4 * job.ranks.count
    let threads = host.ranks.reduce(0) { $0 + 32 + $1.processors.threads }
    var found: [JobFinding] = []
    if let own = limits.files, own < files {
      found.append(
        .warning(
          .limits, [host.name],
          "A process on host \(host.name) may have \(own) open files and connections; \(files) are "
            + "needed.", remedy: "`ulimit -n`, or nofile in limits.conf."))
    }
    if let own = limits.processes, own < threads {
      found.append(
        .warning(
          .limits, [host.name],
          "A user of host \(host.name) may have \(own) processes and threads; \(threads) are "
            + "needed.",
          remedy: "`ulimit -u`, or nproc in limits.conf."))
    }
    return found
  }
}

/// The seconds that clocks may be apart.
private let clockLimit = 1.0

func judgeClocks(_ job: JobFacts) -> [JobFinding] {
  job.hosts.compactMap { host in
    guard let clock = host.first.clock, abs(clock.ahead) - clock.uncertainty > clockLimit else {
      return nil
    }
    return .warning(
      .clock, [host.name],
      "The clock of host \(host.name) is \(String(format: "%.1f", abs(clock.ahead))) s "
        + "\(clock.ahead > 0 ? "ahead of" : "behind") that of rank 0 (± "
        + "\(String(format: "%.1f", clock.uncertainty * 1000)) ms): times of files and in logs "
        + "mislead.",
      remedy: "`timedatectl set-ntp true`, or chrony.")
  }
}

extension String {
  /// With a capital first letter, for the beginning of a sentence.
  var capitalisedFirst: String { prefix(1).uppercased() + dropFirst() }
}
