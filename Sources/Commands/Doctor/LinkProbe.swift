import Collectives
import Diagnosis
import FileIO
import Foundation
import Training

/// Measures what is between hosts, by messages between their first ranks.
struct LinkProbe {
  let communicator: any PairExchange
  /// The first rank of each host, in rank order; rank 0 is one.
  let leaders: [Int]

  private var isLeader: Bool { leaders.contains(communicator.rank) }

  // MARK: Clocks

  /// This rank's clock against that of rank 0, as NTP compares them; nil on ranks that are not the
  /// first of another host. Rank 0 asks them one after the other.
  func compareClocks() throws -> ClockFacts? {
    guard communicator.rank == 0 else { return isLeader ? try compareClock(with: 0) : nil }
    for leader in leaders.dropFirst() { _ = try compareClock(with: leader) }
    return ClockFacts(ahead: 0, uncertainty: 0)
  }

  /// In each round both send what their clocks say, and when the last answer came. Of what the first
  /// round tells the second one knows all four times; the round that took least time is the surest.
  private func compareClock(with partner: Int) throws -> ClockFacts {
    var best = ClockFacts(ahead: 0, uncertainty: .greatestFiniteMagnitude)
    var last: (sent: Double, came: Double, partnerSent: Double)?
    for _ in 0..<17 {
      let sent = Self.clock()
      let answer = try exchange([sent, last?.came ?? 0], with: partner)
      let came = Self.clock()
      if let last {
        let there = last.came - last.partnerSent
        let back = answer[1] - last.sent
        let facts = ClockFacts(ahead: (there - back) / 2, uncertainty: abs(there + back) / 2)
        if facts.uncertainty < best.uncertainty { best = facts }
      }
      last = (sent, came, answer[0])
    }
    return best
  }

  /// Seconds since 1970.
  private static func clock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private func exchange(_ numbers: [Double], with partner: Int) throws -> [Double] {
    let bits = try communicator.exchange(
      littleEndianBytes(of: numbers.map(\.bitPattern)), with: partner)
    return FileIO.numbers(ofLittleEndianBytes: bits[...]).map(Double.init(bitPattern:))
  }

  // MARK: Latency and bandwidth

  /// The links of which this rank is the lower end. Collective: all pairs of a round measure at the
  /// same time, and the next round begins when all have ended.
  func measureLinks(hosts: [String]) throws -> [JobFacts.Link] {
    var links: [JobFacts.Link] = []
    for (number, round) in tournament(leaders.count).enumerated() {
      communicator.activity = "measuring links, round \(number + 1)"
      for (first, second) in round {
        let pair = (leaders[first], leaders[second])
        guard pair.0 == communicator.rank || pair.1 == communicator.rank else { continue }
        let partner = pair.0 == communicator.rank ? pair.1 : pair.0
        let (latency, bandwidth) = try measure(with: partner)
        guard pair.0 == communicator.rank else { continue }
        links.append(
          JobFacts.Link(
            hosts[first], hosts[second], latency: latency, bandwidth: bandwidth))
      }
      try communicator.barrier()
    }
    return links
  }

  /// Seconds of a small message, and bytes a second of a large one, while both send.
  private func measure(with partner: Int) throws -> (latency: Double, bandwidth: Double) {
    let latencies = try (0..<41).map { _ in try time(8, with: partner) }
    var size = 64 << 10
    while true {
      // Both must choose the same next size.
      let own = try time(size, with: partner)
      let seconds = max(own, try exchange([own], with: partner)[0])
      // Long enough, also behind a buffer that takes the first part at once.
      if seconds > 0.15 || size >= 16 << 20 {
        return (median(latencies) ?? 0, Double(size) / max(seconds, 1e-9))
      }
      size *= 4
    }
  }

  private func time(_ size: Int, with partner: Int) throws -> Double {
    let bytes = [UInt8](repeating: 0, count: size)
    let begin = ContinuousClock.now
    _ = try communicator.exchange(bytes, with: partner)
    return (ContinuousClock.now - begin).inSeconds
  }
}
