import Foundation
import Testing

@testable import Launching

/// A mpirun that lives as long as a test says, in a time that a test moves.
@Suite struct RunWatchTests {
  private final class Job {
    var time = Duration.zero
    /// What happens when, in order.
    var events: [(Duration, (Job) -> Void)] = []
    var isRunning = true
    var isToStop = false
    var isUrgent = false
    var connections: Set<Int32> = []
    var hasChildren = true
    var listening = 0
    var dead: [String] = []
    /// How often the hosts were asked.
    var asked = 0
    /// What was done with mpirun and when.
    var deeds: [(what: String, at: Duration)] = []
    var lines: [String] = []

    func watch(ranks: Int, connectionCount: Int) {
      let begin = ContinuousClock.now
      RunWatch(
        ranks: ranks, connectionCount: connectionCount,
        job: RunningJob(
          isRunning: { self.isRunning }, isToStop: { self.isToStop }, isUrgent: { self.isUrgent },
          connections: { self.connections }, hasChildren: { self.hasChildren },
          listeningRanks: { self.listening },
          unusableHosts: {
            self.asked += 1
            return self.dead.map { .init(host: $0, fault: "", words: "") }
          },
          requestStop: { self.deeds.append(("stop", self.time)) },
          end: { self.deeds.append(("end within \($0 / .seconds(1)) s", self.time)) },
          now: { begin + self.time }, sleep: { self.sleep($0) }),
        say: { self.lines.append($0) }
      ).untilTheEnd()
    }

    private func sleep(_ duration: Duration) {
      time += duration
      while let (when, deed) = events.first, when <= time {
        events.removeFirst()
        deed(self)
      }
    }
  }

  /// A job that ends by itself after 20 seconds, with what happens until then.
  private func job(_ events: [(Double, (Job) -> Void)]) -> Job {
    let job = Job()
    job.events = events.map { (.seconds($0.0), $0.1) } + [(.seconds(20), { $0.isRunning = false })]
    return job
  }

  private static let lost = "avp-dist: host two does not answer any more"

  @Test func aHostWhoseConnectionEndsIsLost() {
    let job = job([
      (0.3, { $0.connections = [7, 8] }),
      (
        9,
        {
          $0.connections = [8]
          $0.dead = ["two"]
        }
      ),
    ])
    job.watch(ranks: 4, connectionCount: 2)
    #expect(job.lines == [Self.lost])
    #expect(job.deeds.map(\.what) == ["end within 0.0 s"])
    #expect(job.deeds.first.map { $0.at < .seconds(11) } == true)
  }

  /// After five seconds, also where they ended soon, or were never seen.
  @Test(arguments: [(0.1, 0.3, 5.0...7), (0.1, 5, 9...12), (55, 56, 60...62), (99, 99, 60...62)])
  func aMpirunThatOutlivesItsRanksIsEnded(
    begin: Double, end: Double, expected: ClosedRange<Double>
  ) {
    let job = Job()
    job.hasChildren = false
    job.events = [
      (.seconds(begin), { $0.hasChildren = true }), (.seconds(end), { $0.hasChildren = false }),
      (.seconds(100), { $0.isRunning = false }),
    ]
    job.watch(ranks: 3, connectionCount: 0)
    #expect(job.deeds.map(\.what) == ["end within 0.0 s"])
    #expect(job.deeds.first.map { expected.contains($0.at / .seconds(1)) } == true)
    #expect(job.lines == ["avp-dist: all ranks have ended, and mpirun does not end by itself"])
  }

  @Test func aMpirunThatTakesItsTimeToStartAndToEndIsWaitedFor() {
    let job = Job()
    job.hasChildren = false
    job.events = [
      (.seconds(50), { $0.hasChildren = true }), (.seconds(80), { $0.hasChildren = false }),
      (.seconds(84), { $0.isRunning = false }),
    ]
    job.watch(ranks: 3, connectionCount: 0)
    #expect(job.deeds.isEmpty)
  }

  /// A process that the table lacks may have children: so may all where /proc cannot be read.
  @Test func childrenAreThoseThatLive() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sleep")
    process.arguments = ["60"]
    try process.run()
    let table = ProcessTable()
    #expect(table.hasChildren(getpid()))
    #expect(!table.hasChildren(process.processIdentifier))
    #expect(table.hasChildren(.max))
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Before anybody has looked, or before it could be seen at all.
  @Test(arguments: [0.2, 0.9, 3]) func aConnectionThatEndsBeforeTheFirstLookIsMissed(end: Double) {
    let job = job([
      (0.1, { $0.connections = [7] }),
      (
        end,
        {
          $0.connections = []
          $0.dead = ["two"]
        }
      ),
    ])
    job.watch(ranks: 4, connectionCount: 1)
    #expect(job.lines == [Self.lost])
    #expect(job.deeds.map(\.what) == ["end within 0.0 s"])
  }

  @Test func aConnectionThatNeverStoodIsMissed() {
    let job = job([(0.1, { $0.connections = [7] })])
    job.dead = ["two"]
    job.watch(ranks: 4, connectionCount: 2)
    #expect(job.lines == [Self.lost])
  }

  @Test func aConnectionThatEndsWhileAllHostsAnswerMeansNothing() {
    let job = job([
      (0.3, { $0.connections = [7, 8] }), (8, { $0.connections = [8] }),
    ])
    job.watch(ranks: 4, connectionCount: 2)
    #expect(job.asked == 1 && job.deeds.isEmpty && job.lines.isEmpty)
  }

  @Test func whereAllConnectionsStandNobodyIsAsked() {
    for count in [0, 2] {
      let job = job([(0.3, { $0.connections = [7, 8] })])
      job.dead = ["two"]
      job.watch(ranks: 4, connectionCount: count)
      #expect(job.asked == 0 && job.deeds.isEmpty)
    }
  }

  /// mpirun has ended meanwhile, so what hosts do is of no interest.
  @Test func anEndWithConnectionsIsJustAnEnd() {
    let job = job([
      (0.3, { $0.connections = [7] }),
      (
        8,
        {
          $0.connections = []
          $0.dead = ["two"]
          $0.isRunning = false
        }
      ),
    ])
    job.watch(ranks: 4, connectionCount: 1)
    #expect(job.asked == 0 && job.deeds.isEmpty && job.lines.isEmpty)
  }

  // MARK: Stops

  @Test func aStopIsPassedOnOnceWhenAllRanksListen() {
    let job = job([
      (0.5, { $0.isToStop = true }), (1, { $0.listening = 3 }), (2, { $0.listening = 4 }),
    ])
    job.watch(ranks: 4, connectionCount: 0)
    #expect(job.deeds.map(\.what) == ["stop"])
    #expect(job.deeds.first.map { $0.at >= .seconds(2) && $0.at < .seconds(2.1) } == true)
  }

  /// Ranks of other hosts cannot be seen.
  @Test(arguments: [0, 2]) func ranksThatCannotBeSeenAreGivenTime(connections: Int) {
    let job = job([(0.5, { $0.isToStop = true })])
    job.connections = [7, 8]
    job.listening = connections > 0 ? 4 : 0
    job.watch(ranks: 4, connectionCount: connections)
    #expect(job.deeds.map(\.what) == ["stop"])
    #expect(job.deeds.first.map { $0.at > .seconds(5) && $0.at < .seconds(6) } == true)
  }

  @Test func anUrgentStopEndsMpirun() {
    let job = job([(1, { $0.isUrgent = true })])
    job.watch(ranks: 4, connectionCount: 0)
    #expect(job.deeds.map(\.what) == ["end within 3.0 s"])
  }
}
