import Foundation
import Launching

/// A host counts as slow below this part of what the others do.
private let slowShare = 0.8

func judgeSpeed(_ job: JobFacts) -> [JobFinding] {
  job.hosts.compactMap { host in
    let others = job.hosts.filter { $0.name != host.name }
    // Ranks have equal parts of a batch, so the speed of a rank counts.
    guard let own = host.slowestRank, let usual = median(others.compactMap(\.slowestRank)),
      own < slowShare * usual
    else { return nil }
    let all = Double(job.ranks.count) * own
    let rest =
      Double(job.ranks.count - host.ranks.count) * (others.compactMap(\.slowestRank).min() ?? 0)
    let gain = Int(100 * (rest / all - 1))
    return .warning(
      .speed, [host.name],
      String(
        format: "A rank on host %@ does %.1f images/s, %.0f %% less than the usual %.1f: every "
          + "step waits for it.", host.name, own, 100 * (1 - own / usual), usual),
      remedy: "See what else runs there (`top`), its processors above, and its power and heat."
        + (gain > 0 ? " Without this host the job would compute \(gain) % faster." : ""))
  }
}

extension JobFacts.Host {
  /// Images a second of its slowest rank; nil where not measured.
  package var slowestRank: Double? {
    let rates = ranks.compactMap(\.rate)
    return rates.count == ranks.count ? rates.min() : nil
  }
}

/// Slower than Gigabit Ethernet by far, in bytes a second.
private let slowBandwidth = 20e6
/// Longer than any local network takes, in seconds.
private let longLatency = 5e-3

func judgeLinks(_ job: JobFacts) -> [JobFinding] {
  let usual = median(job.links.map(\.bandwidth)) ?? 0
  let slow = job.links.filter {
    $0.bandwidth < slowBandwidth || $0.bandwidth < usual / 2 || $0.latency > longLatency
  }
  guard !slow.isEmpty else { return [] }
  // Where all links of a host are slow and others are not, it is that host.
  let culprits = job.hosts.map(\.name).filter { host in
    let own = job.links.filter { $0.hosts.contains(host) }
    return own.count > 1 && slow.count < job.links.count && own.allSatisfy(slow.contains)
  }
  var found = culprits.map { host in
    let own = slow.filter { $0.hosts.contains(host) }
    return slowLinks(own, hosts: [host], "The network of host \(host)", usual)
  }
  let rest = slow.filter { link in !culprits.contains { link.hosts.contains($0) } }
  if let worst = rest.min(by: { $0.bandwidth < $1.bandwidth }) {
    let hosts = unique(rest.flatMap(\.hosts))
    let name =
      rest.count == 1
      ? "The network between hosts \(worst.hosts[0]) and \(worst.hosts[1])"
      : "The network between \(list(hosts))"
    found.append(slowLinks(rest, hosts: hosts, name, usual))
  }
  return found
}

private func slowLinks(
  _ links: [JobFacts.Link], hosts: [String], _ name: String, _ usual: Double
) -> JobFinding {
  let bandwidth = links.map(\.bandwidth).min() ?? 0
  let latency = links.map(\.latency).max() ?? 0
  return .warning(
    .link, hosts,
    String(
      format: "%@ carries %.2f MB/s (%.0f Mbit/s) with %.2f ms a message%@.", name, bandwidth / 1e6,
      bandwidth * 8 / 1e6, latency * 1000,
      usual > 2 * bandwidth ? String(format: ", others %.0f MB/s", usual / 1e6) : ""),
    remedy: "`ethtool` shows the speed that a card and its switch have agreed on; "
      + "OMPI_MCA_btl_tcp_if_include=NETWORK names a faster network.")
}

func judgeExchange(_ job: JobFacts) -> [JobFinding] {
  guard job.ranks.count > 1, let estimate = job.estimate,
    estimate.exchange > estimate.compute + estimate.jitter
  else { return [] }
  let better =
    estimate.otherIsFaster
    ? String(
      format: "With --exchange %@ an epoch takes %.1f s. ",
      job.work.gathersFeatures ? "gradients" : "features", estimate.otherEpoch) : ""
  return [
    .warning(
      .exchange, [],
      String(
        format: "The exchange takes %.2f s of a step, and the images %.2f s: the network decides "
          + "how long an epoch takes (%.1f s).", estimate.exchange, estimate.compute, estimate.epoch
      ),
      remedy: better + "A larger --batch-size exchanges less often; fewer hosts may be as fast "
        + "(`avp-dist plan`).")
  ]
}
