/// All that is known of a job and its hosts.
package struct JobFacts: Codable, Equatable, Sendable {
  /// One for each rank, in their order.
  package var ranks: [RankFacts]
  package var build: BuildFacts
  package var work: Work
  /// The paths of the images that `HostImageFacts.digests` compares.
  package var compared: [String] = []
  /// Between each two hosts, measured one way while both send.
  package var links: [Link] = []
  /// Nil where there is one rank.
  package var exchange: ExchangeFacts?
  /// Where rank 0 could not list the images: why.
  package var listing: Trouble?

  /// A job of `ranks` with work to do; the rest is not known yet.
  package init(ranks: [RankFacts], build: BuildFacts, work: Work) {
    self.ranks = ranks
    self.build = build
    self.work = work
  }

  /// What a training does.
  package struct Work: Codable, Equatable, Sendable {
    /// Images; 0 where there are none.
    package var train = 0
    package var validation = 0
    package var classes = 2
    /// Images a step over all ranks.
    package var batch = 32
    /// Numbers of an image's features, and of the head.
    package var features = 2048
    package var parameters = 0
    /// Whether ranks exchange features, and not gradients.
    package var gathersFeatures = false

    /// The usual work without images.
    package init() {}
  }

  /// The network between two hosts.
  package struct Link: Codable, Equatable, Sendable {
    package var hosts: [String]
    /// Seconds of a message of a few bytes.
    package var latency: Double
    /// Bytes a second in each direction.
    package var bandwidth: Double

    /// What was measured between two hosts.
    package init(_ first: String, _ second: String, latency: Double, bandwidth: Double) {
      hosts = [first, second]
      self.latency = latency
      self.bandwidth = bandwidth
    }
  }

  /// The exchange of a step in its real size, medians in seconds.
  package struct ExchangeFacts: Codable, Equatable, Sendable {
    /// A single number.
    package var number: Double
    /// The sum of the head's gradient, as 64-bit integers.
    package var gradients: Double
    /// The features of a global batch.
    package var features: Double

    /// What was measured.
    package init(number: Double, gradients: Double, features: Double) {
      self.number = number
      self.gradients = gradients
      self.features = features
    }
  }

  /// A host with its ranks.
  package struct Host: Sendable {
    package let name: String
    package let ranks: [RankFacts]
    /// The rank that has looked for what the ranks of the host have in common.
    package var first: RankFacts { ranks[0] }

    /// Images a second of all its ranks through decoding and backbone; nil where not measured.
    package var rate: Double? {
      let rates = ranks.compactMap(\.rate)
      return rates.count == ranks.count ? rates.reduce(0, +) : nil
    }
    /// The processors that its ranks may use together.
    package var processors: Int {
      let masks = Dictionary(grouping: ranks, by: \.processors.mask).values
        .reduce(0) { $0 + $1[0].processors.allowed }
      return min(masks, first.processors.online, first.processors.limit ?? .max)
    }
  }

  /// The hosts in the order of their first ranks.
  package var hosts: [Host] {
    var names: [String] = []
    for rank in ranks where !names.contains(rank.host) { names.append(rank.host) }
    let groups = Dictionary(grouping: ranks, by: \.host)
    return names.map { Host(name: $0, ranks: groups[$0] ?? []) }
  }

  /// The slowest link of a host, in bytes a second; nil where it has none.
  package func bandwidth(of host: String) -> Double? {
    links.filter { $0.hosts.contains(host) }.map(\.bandwidth).min()
  }
}

extension RankFacts {
  /// Images a second through decoding and backbone: the threads do one after the other.
  package var rate: Double? {
    speed.map { speed in
      1 / (1 / max(speed.backbone, 1e-9) + speed.preparation / Double(processors.threads))
    }
  }
}

/// The middle of `values`, the upper one of two; nil of none.
package func median(_ values: [Double]) -> Double? {
  values.isEmpty ? nil : values.sorted()[values.count / 2]
}

/// The rounds of a tournament in which each of `count` meets each other once: `count` - 1, or
/// `count` where that is odd and one rests in each round. One stays, the others move around it.
package func tournament(_ count: Int) -> [[(Int, Int)]] {
  let seats = count + count % 2
  guard count > 1 else { return [] }
  return (0..<seats - 1).map { round in
    let circle = [0] + (0..<seats - 1).map { 1 + ($0 + round) % (seats - 1) }
    return (0..<seats / 2).compactMap { index in
      let (first, second) = (circle[index], circle[seats - 1 - index])
      return max(first, second) < count ? (min(first, second), max(first, second)) : nil
    }
  }
}
