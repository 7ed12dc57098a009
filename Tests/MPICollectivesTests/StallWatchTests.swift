import Collectives
import Testing

@testable import MPICollectives

/// Ranks that send each other heartbeats in a time that a test moves: who is named, by whom, when.
@Suite struct StallWatchTests {
  /// What a rank does when it is looked at.
  enum Doing: Sendable {
    case waiting
    /// Busy; with another file each time where `getsOn`.
    case busy(getsOn: Bool)
    /// It does not run.
    case stopped
  }

  private final class World {
    private let begin = ContinuousClock.now
    private(set) var time = Duration.zero
    private var inboxes: [[(sender: Int, heartbeat: [UInt8])]]
    /// How many heartbeats each rank has sent, how many it has got, and the largest.
    private(set) var sent: [Int]
    private(set) var got: [Int]
    private(set) var largest = 0
    private(set) var watches: [StallWatch] = []
    var doing: [Doing]
    var isToldToEnd = false
    /// What was shown, by whom.
    private(set) var lines: [(rank: Int, text: String)] = []

    init(_ ranks: Int, timeout: Duration = .seconds(2)) {
      inboxes = Array(repeating: [], count: ranks)
      sent = Array(repeating: 0, count: ranks)
      got = sent
      doing = Array(repeating: .waiting, count: ranks)
      for rank in 0..<ranks {
        let transport = HeartbeatTransport(
          send: { [unowned self] heartbeat, receiver in
            inboxes[receiver].append((rank, heartbeat))
            sent[rank] += 1
            got[receiver] += 1
            largest = max(largest, heartbeat.count)
          },
          receive: { [unowned self] in
            inboxes[rank].isEmpty ? nil : inboxes[rank].removeFirst()
          },
          say: { [unowned self] in lines.append((rank, $0)) },
          now: { [unowned self] in begin + time })
        watches.append(
          StallWatch(
            rank: rank, worldSize: ranks, host: "h\(rank)", timeout: timeout, transport: transport))
        watches[rank].activity = "file \(rank)"
      }
    }

    /// All ranks enter an operation.
    func enter() throws {
      for rank in watches.indices {
        try watches[rank].enter()
        watches[rank].beginWait()
      }
    }

    /// Lets `seconds` pass in steps of 50 milliseconds, until a rank throws.
    func run(_ seconds: Double) -> (rank: Int, text: String, at: Double)? {
      let end = time + .seconds(seconds)
      while time < end {
        time += .milliseconds(50)
        for rank in watches.indices {
          do {
            try act(rank)
          } catch {
            return (rank, "\(error)", time / .seconds(1))
          }
        }
      }
      return nil
    }

    private func act(_ rank: Int) throws {
      switch doing[rank] {
      case .waiting: try watches[rank].look("an exchange", isToldToEnd: isToldToEnd)
      case .stopped: break
      case .busy(let getsOn):
        if getsOn { watches[rank].activity = "file \(time)" }
        try watches[rank].report(isToldToEnd: isToldToEnd)
      }
    }

    /// All do something else.
    func begin(_ activity: String) {
      for rank in watches.indices { watches[rank].activity = activity }
    }

    func farewell(of rank: Int) throws { try watches[rank].sayFarewell() }

    /// All stand still, as on a machine that is suspended.
    func suspend(_ seconds: Double) { time += .seconds(seconds) }
  }

  /// Every rank of worlds of different sizes.
  private static let cases = [2, 3, 5, 8, 17].flatMap { ranks in (0..<ranks).map { (ranks, $0) } }

  @Test(arguments: cases) func aRankThatIsStoppedIsNamedAndNoOther(ranks: Int, chosen: Int) throws {
    let world = World(ranks)
    try world.enter()
    #expect(world.run(0.1) == nil)
    world.doing[chosen] = .stopped
    let end = try #require(world.run(20))
    #expect(end.rank == (chosen == 0 ? 1 : 0))
    // Rank 1 leaves the word to rank 0 for two seconds. What others tell of the rank may come late,
    // but within a quarter of the timeout.
    #expect(end.at < (chosen == 0 ? 4.2 : 2.8) && end.at > (chosen == 0 ? 4 : 2))
    let start = "Rank \(end.rank) (host h\(end.rank)) has waited "
    #expect(end.text.hasPrefix(start))
    #expect(
      end.text.contains("in an exchange: rank \(chosen) does not answer (silent for "))
    #expect(end.text.contains(" s; last heard: host h\(chosen), file \(chosen)). The run ends"))
    #expect(end.text.components(separatedBy: " does not answer").count == 2)
  }

  @Test(arguments: cases) func aRankThatNeverCameIsNamed(ranks: Int, chosen: Int) throws {
    let world = World(ranks)
    world.doing[chosen] = .stopped
    let end = try #require(world.run(20))
    #expect(end.text.contains("rank \(chosen) does not answer (silent for "))
    #expect(end.text.contains("never heard of"))
  }

  @Test(arguments: cases) func aRankThatIsBusyWithOneFileIsNamed(ranks: Int, chosen: Int) throws {
    let world = World(ranks)
    try world.enter()
    world.doing[chosen] = .busy(getsOn: false)
    let end = try #require(world.run(20))
    #expect(end.rank == (chosen == 0 ? 1 : 0))
    #expect(end.text.contains(": rank \(chosen) is busy with something else (the same for "))
    #expect(end.text.contains(" s; last heard: host h\(chosen), file \(chosen))"))
    #expect(!end.text.contains("does not answer"))
  }

  @Test(arguments: cases) func aRankThatGetsOnIsWaitedFor(ranks: Int, chosen: Int) throws {
    let world = World(ranks)
    try world.enter()
    world.doing[chosen] = .busy(getsOn: true)
    #expect(world.run(10) == nil)
  }

  @Test func severalThatStopTogetherAreAllNamed() throws {
    let world = World(5)
    try world.enter()
    _ = world.run(0.1)
    for rank in [2, 4] { world.doing[rank] = .stopped }
    let end = try #require(world.run(20))
    #expect(end.text.contains("rank 2 does not answer") && end.text.contains("rank 4 does not"))
  }

  @Test(arguments: [3, 5, 17], [2, 4, 9]) func whereTheFirstRanksStandStillTheNextSpeaks(
    ranks: Int, stopped: Int
  ) throws {
    let world = World(ranks)
    try world.enter()
    _ = world.run(0.1)
    let stopped = min(stopped, ranks - 1)
    for rank in 0..<stopped { world.doing[rank] = rank == 1 ? .busy(getsOn: false) : .stopped }
    let end = try #require(world.run(30))
    // The others leave the word to the first two for four seconds.
    #expect(end.rank == stopped && end.at > 6)
    let silent = [0] + (2..<max(2, stopped))
    for rank in silent.prefix(8) {
      #expect(end.text.contains("rank \(rank) does not answer (silent for "))
    }
    #expect(!end.text.contains("rank 1 ") && !end.text.contains("rank \(stopped + 1)"))
  }

  /// The ranks of a host that is lost are neighbours.
  @Test(arguments: [8, 16, 24], [0, 4]) func aHostIsNamedAndNobodyElse(ranks: Int, first: Int)
    throws
  {
    let world = World(ranks)
    try world.enter()
    #expect(world.run(0.5) == nil)
    for rank in first..<first + 4 { world.doing[rank] = .stopped }
    let end = try #require(world.run(30))
    #expect(end.rank == (first == 0 ? 4 : 0))
    let named = (0..<ranks).filter { end.text.contains("rank \($0) does not answer (silent for ") }
    #expect(named == Array(first..<first + 4) && !end.text.contains("never heard of"))
  }

  /// Whoever passes on what others tell may be among those that stop, with all that it knows.
  @Test(arguments: 0..<20) func anyRanksThatStopAreNamed(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let ranks = 2 + Int(random.next() % 31)
    let world = World(ranks)
    try world.enter()
    #expect(world.run(0.5) == nil)
    let stopped = Set((0..<ranks).filter { _ in random.next() % 4 == 0 }.prefix(ranks - 1))
    guard !stopped.isEmpty else { return }
    for rank in stopped { world.doing[rank] = .stopped }
    let end = try #require(world.run(30))
    let speaker = try #require((0..<ranks).first { !stopped.contains($0) })
    #expect(end.rank == speaker && end.at < 7.5)
    let named = (0..<ranks).filter { end.text.contains("rank \($0) does not answer (silent for ") }
    #expect(named == Array(stopped.sorted().prefix(8)))
    #expect(stopped.count <= 8 || end.text.contains("; \(stopped.count - 8) more ranks. The run"))
    // Their words were with others, all of which may have stopped.
    for rank in named where stopped.isDisjoint(with: [1, ranks - 1].map { (rank + $0) % ranks }) {
      #expect(end.text.contains("last heard: host h\(rank), file \(rank))"))
    }
  }

  /// What a rank has told within a second before it stops is known, too; two others hear of it.
  @Test(arguments: [2, 3, 5, 17]) func whatARankDoesIsKnownAtOnce(ranks: Int) throws {
    let world = World(ranks, timeout: .seconds(20))
    try world.enter()
    for step in 1...10 {
      #expect(world.run(0.05) == nil)
      world.begin("step \(step)")
      try world.enter()
    }
    for rank in world.doing.indices where rank != 0 { world.doing[rank] = .stopped }
    let end = try #require(world.run(60))
    #expect(
      end.text.contains("rank 1 does not answer (silent for 20 s; last heard: host h1, step 10)"))
    let all = ranks == 2 ? 1 : ranks == 3 ? 2 : ranks == 5 ? 4 : 9
    // Before that: all at the start, and two at each of ten steps.
    #expect(world.sent[1] <= all * 2 + 10 * min(2, ranks - 1))
  }

  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  /// Each rank tells 2 log₂ N others at most, once a second, however often it enters an operation: as many at
  /// rank 0 as at any other, and few bytes unless it is time to pass on what is known of all.
  @Test(arguments: [(2, 1), (3, 2), (8, 5), (64, 11), (300, 18)])
  func noRankGetsMoreThanItsShare(ranks: Int, receivers: Int) throws {
    let world = World(ranks, timeout: .seconds(300))
    for _ in 0..<20 {
      try world.enter()
      #expect(world.run(0.1) == nil)
    }
    #expect(world.sent.allSatisfy { $0 == 2 * receivers } && world.got == world.sent)
    #expect(world.largest < 8 * ranks + 100)
  }

  @Test func anExchangeThatDoesNotEndIsSaid() throws {
    let world = World(3)
    try world.enter()
    let end = try #require(world.run(20))
    #expect(end.rank == 0 && end.text.contains("every rank answers, but the exchange does not end"))
  }

  // MARK: A machine that was suspended

  /// All were stopped together, for any time and whatever they did: nobody has kept anybody waiting.
  @Test(
    arguments: [0.1, 3, 600, 86_400], [Doing.waiting, .busy(getsOn: true), .busy(getsOn: false)])
  func aSuspendedMachineIsNoStall(seconds: Double, doing: Doing) throws {
    let world = World(4)
    try world.enter()
    world.doing[3] = doing
    #expect(world.run(0.5) == nil)
    world.suspend(seconds)
    #expect(world.run(1.4) == nil)
    // The exchange goes on, and ends.
    world.doing[3] = .waiting
    try world.enter()
    #expect(world.run(1.4) == nil)
  }

  /// One of them does not come back.
  @Test func whoDoesNotComeBackIsNamed() throws {
    let world = World(4)
    try world.enter()
    _ = world.run(0.5)
    world.doing[2] = .stopped
    world.suspend(600)
    let end = try #require(world.run(20))
    #expect(end.text.contains("rank 2 does not answer") && end.at > 602)
    #expect(end.text.components(separatedBy: " does not answer").count == 2)
  }

  /// The processes of a paused container: the seconds of the pause do not count.
  @Test func aWatchdogCountsSecondsInWhichItRuns() {
    let watchdog = Watchdog(nil, index: 0, status: 1) { _ in "" }
    var slept = 0
    #expect(watchdog.hasExpired(after: 5) { slept += 1 } && slept == 5)
    slept = 0
    let isDisarmed = !watchdog.hasExpired(after: 5) {
      slept += 1
      if slept == 2 { watchdog.disarm() }
    }
    #expect(isDisarmed && slept == 2)
  }

  // MARK: The end

  @Test(arguments: cases) func whoIsGoneIsNamedByOneRank(ranks: Int, chosen: Int) throws {
    let world = World(ranks, timeout: .seconds(60))
    try world.enter()
    _ = world.run(2)
    world.doing[chosen] = .stopped
    world.isToldToEnd = true
    // mpirun gives them a second.
    #expect(world.run(0.9) == nil)
    try #require(world.lines.count == 1)
    #expect(world.lines[0].rank == (chosen == 0 ? 1 : 0))
    #expect(
      world.lines[0].text
        == "avp-dist: all ranks are told to end, and these do not answer: rank \(chosen) "
        + "(last heard: host h\(chosen), file \(chosen))")
  }

  /// A person ends the run: all live, and nobody is named. Nor is one that has ended by itself and
  /// said so.
  @Test func whereAllLiveNobodyIsNamed() throws {
    let world = World(4, timeout: .seconds(60))
    try world.enter()
    _ = world.run(2)
    try world.farewell(of: 3)
    world.doing[3] = .stopped
    world.isToldToEnd = true
    #expect(world.run(5) == nil)
    #expect(world.lines.isEmpty)
  }
}

/// Heartbeats as texts.
@Suite struct HeartbeatsTests {
  private let begin = ContinuousClock.now

  private func heartbeats(_ rank: Int = 0, of ranks: Int = 2) -> Heartbeats {
    Heartbeats(rank: rank, worldSize: ranks, limit: .seconds(5), now: begin)
  }

  @Test func whatIsNoHeartbeatIsLeftOut() {
    var sender = heartbeats(1)
    let whole = sender.heartbeat("host h", .busy, passesOn: true, now: begin)
    var heard = heartbeats()
    for count in 0..<8 {
      let part = Array(whole.prefix(count))
      let isNews = heard.record(part, from: 1, now: begin + .seconds(9))
      #expect(!isNews)
    }
    // A state and a rank that there are not.
    _ = heard.record([1, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0], from: 1, now: begin + .seconds(9))
    _ = heard.record(whole, from: 7, now: begin + .seconds(9))
    #expect(heard.stalled(now: begin + .seconds(6)) == [1])
    // One that was cut behind its beginning counts, as far as it goes.
    for count in 10..<whole.count {
      var heard = heartbeats()
      _ = heard.record(Array(whole.prefix(count)), from: 1, now: begin + .seconds(4))
      #expect(heard.stalled(now: begin + .seconds(6)).isEmpty)
    }
  }

  @Test func aHeartbeatIsReadBackWhateverItsWords() {
    for length in [0, 10, 5_000] {
      var sent = heartbeats(1)
      let bytes = sent.heartbeat(
        String(repeating: "é", count: length), .ending, passesOn: length == 10, now: begin)
      #expect(bytes.count < 600)
      var heard = heartbeats()
      let isNews = [0, 1].map { _ in heard.record(bytes, from: 1, now: begin) }
      #expect(isNews == [true, false])
      #expect(heard.isEnding(1) && heard.lost().isEmpty)
    }
  }

  /// What is passed on does not make a rank younger, on however many ways it comes.
  @Test func whatIsPassedOnIsNoSignOfLife() {
    var ranks = (0..<3).map { heartbeats($0, of: 3) }
    let last = ranks[2].heartbeat("host c", .waiting, passesOn: true, now: begin)
    for rank in 0..<2 { _ = ranks[rank].record(last, from: 2, now: begin) }
    for second in 1...8 {
      let now = begin + .seconds(second)
      for (from, to) in [(0, 1), (1, 0)] {
        let bytes = ranks[from].heartbeat("host", .waiting, passesOn: true, now: now)
        _ = ranks[to].record(bytes, from: from, now: now + .milliseconds(500))
      }
    }
    for rank in 0..<2 {
      #expect(ranks[rank].stalled(now: begin + .seconds(9)) == [2])
      #expect(
        ranks[rank].diagnostics(of: [2], now: begin + .seconds(9)) == [
          "rank 2 does not answer (silent for 9 s; last heard: host c)"
        ])
    }
  }
}
