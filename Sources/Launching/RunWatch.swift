/// A running mpirun, as far as somebody who watches over it must know and can do.
package struct RunningJob {
  /// Whether it has not ended yet.
  package var isRunning: () -> Bool
  /// Whether it has been asked to stop.
  package var isToStop: () -> Bool
  /// Whether that was asked a second time: at once.
  package var isUrgent: () -> Bool
  /// Its ssh connections that are open, by process number.
  package var connections: () -> Set<Int32>
  /// Whether any process lives that it has started, a rank or a connection.
  package var hasChildren: () -> Bool
  /// How many ranks on this machine listen for a request to stop.
  package var listeningRanks: () -> Int
  /// The hosts that cannot be used; takes seconds.
  package var unusableHosts: () -> [Hostfile.Unusable]
  /// Passes a request to stop on to it.
  package var requestStop: () -> Void
  /// Ends it; how long it may take to end by itself.
  package var end: (_ timeout: Duration) -> Void
  package var now: () -> ContinuousClock.Instant
  package var sleep: (Duration) -> Void
}

/// Passes requests to stop on and looks after the hosts until mpirun has ended.
///
/// mpirun itself can wait for a quarter of an hour, or for ever, for a host that has vanished from
/// the network. Its ssh connections notice within seconds: when one of them ends while mpirun goes
/// on, and a host does not answer any more, mpirun is ended here. So it is where nothing lives any more
/// that it has started: Open MPI 4 may lock itself up in its own end (`PMIx_server_finalize`), above all
/// where a rank has died.
struct RunWatch {
  /// How many ranks there are.
  let ranks: Int
  /// How many ssh connections mpirun holds to other hosts; 0 where all ranks are on this one.
  let connectionCount: Int
  let job: RunningJob
  /// Shows a line to a person.
  let say: (String) -> Void

  /// After this time all ranks should be up: those of other hosts cannot be seen from here.
  private static let startTime = Duration.seconds(5)
  func untilTheEnd() {
    let begin = job.now()
    var looked = begin
    var isAsked = false
    var connections: Set<Int32> = []
    // One that has ended before it was seen is missed when all should be up.
    var hasCounted = false
    var afterlife = Afterlife(begin: begin)
    while job.isRunning() {
      job.sleep(.milliseconds(50))
      if job.isUrgent() { return job.end(.seconds(3)) }
      let age = job.now() - begin
      if !isAsked, job.isToStop(), areListening(age) {
        isAsked = true
        job.requestStop()
      }
      if afterlife.isTooLong(at: job.now(), hasChildren: job.hasChildren), job.isRunning() {
        say("avp-dist: all ranks have ended, and mpirun does not end by itself")
        return job.end(.zero)
      }
      guard connectionCount > 0, job.now() - looked > .seconds(1) else { continue }
      looked = job.now()
      let open = job.connections()
      defer { connections = open }
      var isSuspicious = !connections.subtracting(open).isEmpty
      if !hasCounted, age > Self.startTime {
        hasCounted = true
        isSuspicious = isSuspicious || open.count < connectionCount
      }
      guard isSuspicious, job.isRunning() else { continue }
      let lost = job.unusableHosts()
      guard !lost.isEmpty, job.isRunning() else { continue }
      say("avp-dist: host \(lost.map(\.host).joined(separator: ", ")) does not answer any more")
      // It could not end in the regular way, which needs that host.
      return job.end(.zero)
    }
  }

  /// The time that mpirun goes on when nothing lives any more that it has started.
  private struct Afterlife {
    private let begin: ContinuousClock.Instant
    /// When something was seen to live last; nil before anything was.
    private var lived: ContinuousClock.Instant?
    private var looked: ContinuousClock.Instant?

    init(begin: ContinuousClock.Instant) { self.begin = begin }

    /// Whether mpirun would have ended if it could: five seconds after its last child, or 60 after
    /// its own beginning where none was seen.
    mutating func isTooLong(at now: ContinuousClock.Instant, hasChildren: () -> Bool) -> Bool {
      // Each time until something lives: a rank may die as soon as it has begun. Then once a second.
      guard lived == nil || looked.map({ now - $0 > .seconds(1) }) ?? true else { return false }
      looked = now
      guard !hasChildren() else {
        lived = now
        return false
      }
      return lived.map { now - $0 > .seconds(5) } ?? (now - begin > .seconds(60))
    }
  }

  /// Whether all ranks listen: a signal that comes before would kill one, or be lost in mpirun.
  ///
  /// mpirun may know hosts from Slurm or from its own configuration too, so after some seconds
  /// ranks that cannot be seen count as listening.
  private func areListening(_ age: Duration) -> Bool {
    age > Self.startTime || connectionCount == 0 && job.listeningRanks() >= ranks
  }
}
