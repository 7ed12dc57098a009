import Foundation

/// What a step costs on N hosts of one kind, with a rank on each; see docs/scaling.md.
package struct CostModel: Equatable, Sendable {
  /// Images a second of a host, through decoding and backbone.
  package var rate: Double
  /// Threads of its rank.
  package var threads = 1
  /// Seconds of the head's gradient of one image.
  package var gradient = 0.0
  /// The deviation of the time of one group of images, by its median.
  package var deviation = 0.03
  /// Seconds from one rank to another of a message of a few bytes, with the wait until it is seen.
  package var latency = 0.5e-3
  /// Bytes a second of a host, in each direction.
  package var bandwidth = 117e6
  package var work = JobFacts.Work()

  /// Hosts with the usual network.
  package init(rate: Double) { self.rate = rate }

  /// Hosts as `doctor` has measured them: the middle one's speed, the slowest link. Nil where it has
  /// no speed of all ranks, or numbers that no host has: it may come from a file.
  package init?(_ job: JobFacts) {
    guard let rate = median(job.hosts.compactMap(\.rate)), rate > 0,
      job.ranks.allSatisfy({ $0.speed != nil && Self.counts.contains($0.processors.threads) })
    else { return nil }
    self.init(rate: rate)
    let speeds = job.ranks.compactMap(\.speed)
    threads = job.hosts.map { $0.ranks.reduce(0) { $0 + $1.processors.threads } }.min() ?? 1
    gradient = median(speeds.map(\.gradient)) ?? 0
    deviation = median(speeds.map(\.deviation)) ?? 0
    work = job.work
    if let slowest = job.links.map(\.bandwidth).min() { bandwidth = slowest }
    if let exchange = job.exchange, job.links.count > 0 {
      latency = exchange.number / (2 * Self.treeSteps(job.ranks.count))
    }
  }

  /// The messages that follow one another in the sum of a few numbers: a tree up and a tree down.
  private static func treeSteps(_ ranks: Int) -> Double {
    2 * log2(Double(max(2, ranks))).rounded(.up)
  }

  /// Bytes of each rank above which a sum goes around a ring; see `mpi_shim.c`.
  private static let ringBytes = 16_384.0

  /// Seconds in which `ranks` sum the head's gradient. Before it they agree about its length.
  package func gradientExchange(_ ranks: Int) -> Double {
    guard ranks > 1 else { return 0 }
    let (count, bytes) = (Double(ranks), 8 * Double(work.parameters))
    let agreement = Self.treeSteps(ranks) * latency
    guard bytes / count >= Self.ringBytes else {
      return agreement + Self.treeSteps(ranks) * (latency + bytes / bandwidth)
    }
    return agreement + 2 * (count - 1) * (latency + bytes / count / bandwidth)
  }

  /// Seconds in which `ranks` gather the features of a global batch. Before it they tell their lengths.
  package func featureExchange(_ ranks: Int) -> Double {
    guard ranks > 1 else { return 0 }
    let share = (Double(batch) / Double(ranks)).rounded(.up)
    let bytes = 4 * share * Double(work.features + 2)
    return Self.treeSteps(ranks) * latency
      + Double(ranks - 1) * (latency + bytes / bandwidth)
  }

  private var batch: Int { work.train > 0 ? min(work.batch, work.train) : work.batch }

  /// The step of `ranks` hosts.
  package func step(_ ranks: Int, gathersFeatures: Bool) -> StepTime {
    StepTime(
      batch: batch, rates: Array(repeating: rate, count: ranks), threads: threads,
      gradient: gradient, deviation: deviation,
      exchange: gathersFeatures ? featureExchange(ranks) : gradientExchange(ranks),
      gathersFeatures: gathersFeatures)
  }

  /// A line of the plan.
  package struct Row: Codable, Equatable, Sendable {
    package var hosts: Int
    /// Seconds of an epoch with either exchange.
    package var gradients: Double
    package var features: Double
    /// Whether gathering features is the faster one.
    package var prefersFeatures: Bool
    /// By the time of one host, with the faster exchange; and by the number of hosts.
    package var speedUp: Double
    package var efficiency: Double
    /// Whether the exchange is what a step takes.
    package var isExchange: Bool
    /// Seconds of an epoch whose features come from the cache.
    package var cached: Double
  }

  /// The steps of an epoch.
  package var steps: Int { max(1, (work.train + work.batch - 1) / work.batch) }

  /// 1, 2, 4 and so on up to `most` hosts.
  package func plan(upTo most: Int) -> [Row] {
    let alone = Double(steps) * step(1, gathersFeatures: false).seconds
    let counts = sequence(first: 1) { $0 * 2 }.prefix { $0 < most } + [most]
    return counts.map { hosts in
      let sums = step(hosts, gathersFeatures: false)
      let gathering = step(hosts, gathersFeatures: true)
      let best = gathering.seconds < sums.seconds ? gathering : sums
      let epoch = Double(steps) * best.seconds
      return Row(
        hosts: hosts, gradients: Double(steps) * sums.seconds,
        features: Double(steps) * gathering.seconds,
        prefersFeatures: gathering.seconds < sums.seconds, speedUp: alone / epoch,
        efficiency: alone / epoch / Double(hosts), isExchange: best.isExchange,
        cached: Double(steps) * min(sums.exchange, gathering.exchange))
    }
  }

  /// Where counts of anything lie.
  private static let counts = 1...1 << 32

  /// Whether all numbers are such that a plan can be made.
  package var isSound: Bool {
    [rate, bandwidth].allSatisfy { $0 > 0 && $0.isFinite }
      && [gradient, deviation, latency].allSatisfy { $0 >= 0 && $0.isFinite }
      && [work.batch, threads, work.features].allSatisfy(Self.counts.contains)
      && [work.train, work.parameters].allSatisfy { $0 == 0 || Self.counts.contains($0) }
  }
}
