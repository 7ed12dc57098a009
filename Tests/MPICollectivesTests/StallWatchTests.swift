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
    private var inboxes: [[(sender: Int, heartbeat: [CChar])]]
    private(set) var watches: [StallWatch] = []
    var doing: [Doing]
    var isToldToEnd = false
    /// What was shown, by whom.
    private(set) var lines: [(rank: Int, text: String)] = []

    init(_ ranks: Int, timeout: Duration = .seconds(2)) {
      inboxes = Array(repeating: [], count: ranks)
      doing = Array(repeating: .waiting, count: ranks)
      for rank in 0..<ranks {
        let transport = HeartbeatTransport(
          send: { [unowned self] heartbeat, receiver in inboxes[receiver].append((rank, heartbeat))
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

    func farewell(of rank: Int) throws { try watches[rank].sayFarewell() }

    /// All stand still, as on a machine that is suspended.
    func suspend(_ seconds: Double) { time += .seconds(seconds) }
  }

  /// Every rank of worlds of different sizes.
  private static let cases = [2, 3, 5].flatMap { ranks in (0..<ranks).map { (ranks, $0) } }

  @Test(arguments: cases) func aRankThatIsStoppedIsNamedAndNoOther(ranks: Int, chosen: Int) throws {
    let world = World(ranks)
    try world.enter()
    #expect(world.run(0.1) == nil)
    world.doing[chosen] = .stopped
    let end = try #require(world.run(20))
    #expect(end.rank == (chosen == 0 ? 1 : 0))
    // Rank 1 leaves the word to rank 0 for two seconds.
    #expect(end.at < (chosen == 0 ? 4.2 : 3.2) && end.at > (chosen == 0 ? 4 : 2))
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

  @Test(arguments: [3, 5]) func whereBothWatchersStandStillAnotherSpeaks(ranks: Int) throws {
    let world = World(ranks)
    try world.enter()
    _ = world.run(0.1)
    (world.doing[0], world.doing[1]) = (.stopped, .stopped)
    let end = try #require(world.run(30))
    // The others leave the word to these two for four seconds.
    #expect(end.rank == 2 && end.at > 6)
    #expect(end.text.contains("ranks 0 and 1, which watch over the others, do not answer either"))
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

  @Test func whatIsNoHeartbeatIsLeftOut() {
    var heartbeats = Heartbeats(worldSize: 2, now: begin)
    for text in ["", "x", "1|busy", "x|busy|t", "1|odd|t"] {
      heartbeats.record(text.utf8.map(CChar.init) + [0], from: 1, now: begin + .seconds(9))
    }
    heartbeats.record("1|busy|t".utf8.map(CChar.init) + [0], from: 7, now: begin + .seconds(9))
    #expect(heartbeats.stalled(among: [1], limit: .seconds(5), now: begin + .seconds(6)) == [1])
  }

  @Test func aHeartbeatHasItsSizeAndIsReadBack() {
    for length in [0, 10, 5_000] {
      var sent = Heartbeats(worldSize: 2, now: begin)
      sent.enter()
      let activity = String(repeating: "é", count: length)
      let bytes = sent.heartbeat(host: "h", activity: activity, state: .ending)
      #expect(bytes.last == 0)
      #expect(bytes.count == sent.heartbeat(host: "", activity: "", state: .busy).count)
      var heard = Heartbeats(worldSize: 2, now: begin)
      heard.record(bytes, from: 1, now: begin)
      #expect(heard.isEnding(1) && heard.lost(except: 0).isEmpty)
    }
  }
}
