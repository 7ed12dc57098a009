import Foundation

/// The seconds of a training step over all ranks; see docs/scaling.md.
package struct StepTime: Equatable, Sendable {
  /// The slowest rank's part of the global batch through backbone and head.
  package var compute: Double
  /// The exchange, and the head's gradients before or behind it: the way of the main thread.
  package var exchange: Double
  /// What ranks wait for those that happen to be slower in a step.
  package var jitter: Double

  /// Workers compute features of coming batches while the main thread exchanges, so a step takes as
  /// long as the longer of the two.
  package var seconds: Double { max(compute + jitter, exchange) }

  /// Whether the exchange is what a step takes.
  package var isExchange: Bool { exchange > compute + jitter }

  /// Steps of features that workers may be ahead; see `FeaturePipeline`.
  static let lookAhead = 2.0
  /// Images that the backbone takes at once; see `ImageGroups`.
  static let group = 8.0

  /// - Parameters:
  ///   - batch: images of the global batch.
  ///   - rates: images a second of each rank.
  ///   - threads: of a rank, which share the head's gradients with the backbone.
  ///   - gradient: seconds of the head's gradient of one image.
  ///   - deviation: of the time of one group of images, by its mean.
  ///   - exchange: seconds of the exchange alone.
  ///   - gathersFeatures: whether every rank computes the gradients of the whole batch.
  package init(
    batch: Int, rates: [Double], threads: Int, gradient: Double, deviation: Double,
    exchange: Double, gathersFeatures: Bool
  ) {
    let ranks = Double(rates.count)
    let share = (Double(batch) / ranks).rounded(.up)
    let gradients = gradient * (gathersFeatures ? Double(batch) : share)
    let slowest = max(rates.min() ?? 0, 1e-9)
    compute = share / slowest + gradients / Double(max(1, threads))
    self.exchange = rates.count > 1 ? exchange + gradients : 0
    let groups = max(1, share / Self.group)
    // The largest of N normal numbers is about √(2 ln N) deviations above the mean.
    jitter =
      share / slowest * deviation / groups.squareRoot() * (2 * log(ranks)).squareRoot()
      / (1 + Self.lookAhead)
  }
}

extension JobFacts {
  /// How the hosts of this job would train.
  package struct Estimate: Codable, Equatable, Sendable {
    /// Seconds of a step, and of its parts.
    package var step: Double
    package var compute: Double
    package var exchange: Double
    package var jitter: Double
    /// Steps of an epoch.
    package var steps: Int
    /// Seconds of an epoch of training images; of the validation images, which are computed once.
    package var epoch: Double
    package var validation: Double
    /// The same epoch where features come from the cache: the exchange and the head alone.
    package var cachedEpoch: Double
    /// The epoch with the other way of exchange, and whether that is the faster one.
    package var otherEpoch: Double
    package var otherIsFaster: Bool
  }

  /// What an epoch would take on these hosts; nil where the speed of a rank is not known.
  package var estimate: Estimate? {
    let rates = ranks.compactMap(\.rate)
    guard rates.count == ranks.count, let time = step(work.gathersFeatures),
      let other = step(!work.gathersFeatures)
    else { return nil }
    let steps = max(1, (work.train + work.batch - 1) / work.batch)
    let validation = Double(work.validation) / (Double(rates.count) * (rates.min() ?? 1))
    return Estimate(
      step: time.seconds, compute: time.compute, exchange: time.exchange, jitter: time.jitter,
      steps: steps, epoch: Double(steps) * time.seconds, validation: validation,
      cachedEpoch: Double(steps) * time.exchange, otherEpoch: Double(steps) * other.seconds,
      otherIsFaster: other.seconds < 0.95 * time.seconds)
  }

  private func step(_ gathersFeatures: Bool) -> StepTime? {
    let speeds = ranks.compactMap(\.speed)
    guard speeds.count == ranks.count, !speeds.isEmpty else { return nil }
    return StepTime(
      batch: work.train > 0 ? min(work.batch, work.train) : work.batch,
      rates: ranks.compactMap(\.rate), threads: ranks.map(\.processors.threads).min() ?? 1,
      gradient: speeds.map(\.gradient).max() ?? 0, deviation: speeds.map(\.deviation).max() ?? 0,
      exchange: exchange.map { gathersFeatures ? $0.features : $0.gradients } ?? 0,
      gathersFeatures: gathersFeatures)
  }
}
