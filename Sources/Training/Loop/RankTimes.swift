import Collectives
import FileIO
import Synchronization

/// What one rank did in an epoch, and how long.
package struct RankTimes: Equatable, Sendable {
  /// The host that the rank runs on.
  package let host: String
  /// Images whose features it found or computed.
  package let images: Int
  /// Seconds in which its worker threads were at work on them, by thread.
  package let features: Double
  /// Seconds of the main thread's own: the head's arithmetic, files.
  package let own: Double
  /// Seconds in exchanges, nearly all of which it waits for other ranks.
  package let waiting: Double
  /// Seconds of the whole epoch: the two before, and the wait for its own features.
  package let seconds: Double

  /// Takes the facts as they are.
  package init(
    host: String, images: Int, features: Double, own: Double, waiting: Double, seconds: Double
  ) {
    self.host = host
    self.images = images
    self.features = features
    self.own = own
    self.waiting = waiting
    self.seconds = seconds
  }

  /// Seconds of a worker thread for each image of a thread's share; nil without images.
  package var secondsAnImage: Double? { images > 0 ? features / Double(images) : nil }
}

extension RankTimes {
  /// The times as a message between ranks: five numbers and the host.
  var bytes: [UInt8] {
    littleEndianBytes(of: [Double(images), features, own, waiting, seconds]) + host.utf8
  }

  init(bytes: [UInt8]) throws(CollectiveError) {
    let values: [Double] = numbers(ofLittleEndianBytes: bytes.prefix(40))
    guard values.count == 5, let images = Int(exactly: values[0]) else {
      throw .mismatch("A rank sent no times; is avp-dist the same?")
    }
    self.init(
      host: String(decoding: bytes.dropFirst(40), as: UTF8.self), images: images,
      features: values[1], own: values[2], waiting: values[3], seconds: values[4])
  }
}

/// Measures what the threads of one rank do between two laps.
package final class RankMeter: Sendable {
  /// What takes time besides the main thread's own work.
  enum Doing {
    /// Work of a worker thread on features of that many images.
    case features(images: Int)
    /// The main thread waits for them.
    case awaitingFeatures
    /// The main thread is in an exchange.
    case exchanging
  }

  private struct Sums {
    var begin: ContinuousClock.Instant
    var images = 0
    var features = 0.0
    var awaiting = 0.0
    var exchanging = 0.0
  }

  private let now: @Sendable () -> ContinuousClock.Instant
  private let sums: Mutex<Sums>

  /// The first lap begins.
  package init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
    self.now = now
    sums = Mutex(Sums(begin: now()))
  }

  /// Runs `body` and adds its time.
  func measure<Result, Failure: Error>(
    _ doing: Doing, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let begin = now()
    defer {
      let seconds = (now() - begin).inSeconds
      sums.withLock {
        switch doing {
        case .features(let images):
          $0.images += images
          $0.features += seconds
        case .awaitingFeatures: $0.awaiting += seconds
        case .exchanging: $0.exchanging += seconds
        }
      }
    }
    return try body()
  }

  /// The times since the last lap, or since the meter was made.
  func lap(host: String, threads: Int) -> RankTimes {
    let time = now()
    let lap = sums.withLock { sums in
      defer { sums = Sums(begin: time) }
      return sums
    }
    let seconds = (time - lap.begin).inSeconds
    return RankTimes(
      host: host, images: lap.images, features: lap.features / Double(max(1, threads)),
      own: max(0, seconds - lap.awaiting - lap.exchanging), waiting: lap.exchanging,
      seconds: seconds)
  }
}

/// A communicator whose operations are measured.
final class MeteredCommunicator: Communicator {
  private let base: any Communicator
  private let meter: RankMeter

  init(_ base: any Communicator, _ meter: RankMeter) {
    self.base = base
    self.meter = meter
  }

  var rank: Int { base.rank }
  var worldSize: Int { base.worldSize }
  var host: String { base.host }
  var activity: String {
    get { base.activity }
    set { base.activity = newValue }
  }
  var whileWaiting: () -> Void {
    get { base.whileWaiting }
    set { base.whileWaiting = newValue }
  }

  func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    try meter.measure(.exchanging) { () throws(CollectiveError) in
      try base.allreduce(&values, reduction)
    }
  }

  func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {
    try meter.measure(.exchanging) { () throws(CollectiveError) in
      try base.broadcast(&bytes, from: root)
    }
  }

  func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    try meter.measure(.exchanging) { () throws(CollectiveError) in try base.allgather(bytes) }
  }

  func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    try meter.measure(.exchanging) { () throws(CollectiveError) in try base.gather(bytes, to: root)
    }
  }

  func barrier() throws(CollectiveError) {
    try meter.measure(.exchanging) { () throws(CollectiveError) in try base.barrier() }
  }

  func reportActivity() throws(CollectiveError) { try base.reportActivity() }
}
