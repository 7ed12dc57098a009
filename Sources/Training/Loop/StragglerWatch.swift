import Foundation

/// Notices ranks that take longer for their images than the others, epoch after epoch: all wait for
/// them in every step.
struct StragglerWatch {
  /// How many times as long as the others in the middle. Ranks of equal hosts that nothing disturbs
  /// stay below 1.2, see docs/training.md.
  static let factor = 1.5
  /// In so many epochs in a row: one alone may be chance, as where a cache is filled.
  static let epochs = 2
  /// Epochs that last less, in seconds, tell nothing.
  static let shortest = 1.0
  /// The share of an epoch that has to be lost.
  static let share = 0.1
  /// How many hosts and ranks a warning spells out.
  private static let listed = 5

  /// A rank that is slow in an epoch.
  private struct Slow {
    let rank: Int
    let host: String
    let seconds: Double
    let median: Double
  }

  /// How many epochs in a row a rank has been slow.
  private var counts: [Int: Int] = [:]
  /// The hosts that have been named.
  private var named: Set<String> = []

  /// Takes the times of an epoch by rank.
  ///
  /// - Returns: a warning where a host has become persistently slow that was not named before.
  mutating func warning(_ ranks: [RankTimes]) -> String? {
    let slow = Self.slow(ranks)
    counts = Dictionary(
      uniqueKeysWithValues: slow.map { ($0.rank, counts[$0.rank, default: 0] + 1) })
    let persistent = slow.filter {
      counts[$0.rank, default: 0] >= Self.epochs && !named.contains($0.host)
    }
    guard !persistent.isEmpty else { return nil }
    let hosts = Dictionary(grouping: persistent) { $0.host }
      .sorted { ($0.value[0].rank, $0.key) < ($1.value[0].rank, $1.key) }
    named.formUnion(hosts.map(\.key))
    var lines = hosts.prefix(Self.listed).map { Self.line($0.key, $0.value) }
    if hosts.count > lines.count { lines.append("\(hosts.count - lines.count) more hosts") }
    return lines.joined(separator: "; ")
      + ". The other ranks wait for it in every step: see what else runs there, or go on without it"
  }

  private static func line(_ host: String, _ slow: [Slow]) -> String {
    let worst = slow.max { $0.seconds / $0.median < $1.seconds / $1.median } ?? slow[0]
    let names = slow.prefix(listed).map { "\($0.rank)" }.joined(separator: ", ")
    let ranks =
      (slow.count == 1 ? "rank " : "ranks ") + names
      + (slow.count > listed ? " and \(slow.count - listed) more" : "")
    return String(
      format: "host %@ (%@) has been slow for %d epochs: %.3g s an image, %.1f times as long as "
        + "the others' %.3g s", host, ranks, epochs, worst.seconds, worst.seconds / worst.median,
      worst.median)
  }

  /// The ranks that are slow by what one epoch says: each is compared with the median of those of
  /// other hosts, where all are on one host with that of the other ranks.
  private static func slow(_ ranks: [RankTimes]) -> [Slow] {
    let known = ranks.indices.compactMap { rank in
      ranks[rank].secondsAnImage.map { (rank: rank, host: ranks[rank].host, seconds: $0) }
    }.sorted { ($0.seconds, $0.rank) < ($1.seconds, $1.rank) }
    let isOneHost = Set(known.map(\.host)).count == 1
    var medians: [String: Double] = [:]
    return known.compactMap { own in
      let key = isOneHost ? "\(own.rank)" : own.host
      let median =
        medians[key]
        ?? Self.median(
          ofSorted: known.filter { isOneHost ? $0.rank != own.rank : $0.host != own.host }
            .map(\.seconds))
      medians[key] = median
      guard let median, own.seconds > factor * median else { return nil }
      let lost = (own.seconds - median) * Double(ranks[own.rank].images)
      let epoch = ranks[own.rank].seconds
      guard epoch >= shortest, lost >= share * epoch else { return nil }
      return Slow(rank: own.rank, host: own.host, seconds: own.seconds, median: median)
    }.sorted { $0.rank < $1.rank }
  }

  private static func median(ofSorted values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
  }
}
