internal import CMPIShim
import Collectives
import Foundation

extension MPICommunicator {
  package func reportActivity() throws(CollectiveError) {
    guard worldSize > 1, let stallTimeout else { return }
    let now = ContinuousClock.now
    // The clock first: this is called for every file, and each look into MPI may give the processor
    // away where ranks share it.
    guard now - heard > .milliseconds(100) else { return }
    heard = now
    try hear()
    try nameLost()
    guard now - reported > Self.reminderInterval(stallTimeout) / 2 else { return }
    reported = now
    try sendHeartbeat(.busy)
  }

  /// Starts an operation and sleeps between tests until it has ended.
  func wait(
    _ operation: String, _ start: (inout OpaquePointer?) -> Int32
  ) throws(CollectiveError) {
    try announce()
    var request: OpaquePointer?
    try Self.check(operation, start(&request))
    guard let request else { return }
    var watch = Watch()
    var tests = 0
    while true {
      var done: Int32 = 0
      try Self.check(operation, avp_mpi_test(request, &done))
      if done != 0 { return }
      tests += 1
      nap(after: tests)
      // Often: on a busy machine each nap lasts many milliseconds.
      if tests % 16 == 0 || tests > 512 {
        try hear()
        try remind(&watch)
        try nameLost()
        try checkStall(operation, &watch)
      }
    }
  }

  /// Yields at first, as most operations end within microseconds, then sleeps up to half a
  /// millisecond.
  private func nap(after tests: Int) {
    if tests < 64 {
      sched_yield()
    } else {
      usleep(tests < 512 ? 50 : 500)
    }
  }

  /// Tells ranks 0 and 1 that this rank enters its next operation, and hears those of the others.
  private func announce() throws(CollectiveError) {
    guard worldSize > 1, stallTimeout != nil else { return }
    heartbeats.enter()
    try send(heartbeat(.waiting), to: 0..<2)
    try hear()
  }

  /// How often a rank repeats its heartbeat: several times within the stall timeout.
  private static func reminderInterval(_ stallTimeout: Duration) -> Duration {
    min(.seconds(1), stallTimeout / 8)
  }

  /// How long a rank may be silent before it counts as stopped.
  private static func silenceLimit(_ stallTimeout: Duration) -> Duration {
    reminderInterval(stallTimeout) * 4
  }

  /// The times of one wait.
  private struct Watch {
    var begin = ContinuousClock.now
    var reminded = ContinuousClock.now
    var checked = ContinuousClock.now
  }

  /// Repeats the heartbeat, so that nobody takes this rank for a silent one.
  private func remind(_ watch: inout Watch) throws(CollectiveError) {
    guard worldSize > 1, let stallTimeout else { return }
    let now = ContinuousClock.now
    guard now - watch.reminded > Self.reminderInterval(stallTimeout) else { return }
    watch.reminded = now
    try sendHeartbeat(.waiting)
  }

  /// Tells those who watch; of those, all.
  private func sendHeartbeat(_ state: Heartbeats.State) throws(CollectiveError) {
    try send(heartbeat(state), to: 0..<(rank < 2 ? worldSize : 2))
  }

  private func heartbeat(_ state: Heartbeats.State) -> [CChar] {
    // Told once that it ends, a rank does not take that back.
    heartbeats.heartbeat(host: host, activity: activity, state: toldToEnd == nil ? state : .ending)
  }

  /// Names the ranks that are gone, where all are told to end because of them: mpirun gives the
  /// others a second, in which those that live say so.
  private func nameLost() throws(CollectiveError) {
    guard worldSize > 1, stallTimeout != nil, !hasNamedLost else { return }
    guard let toldToEnd else { return isToldToEnd() ? try answerEnd() : () }
    // Again: a heartbeat is dropped where the one before is still on its way.
    if ContinuousClock.now - reported > .milliseconds(100) { try answerEnd(at: toldToEnd) }
    guard rank < 2, ContinuousClock.now - toldToEnd > .milliseconds(700) else { return }
    hasNamedLost = true
    let lost = heartbeats.lost(except: rank)
    guard !lost.isEmpty, rank == 0 || !heartbeats.isEnding(0) else { return }
    let text = "avp-dist: all ranks are told to end, and these do not answer: "
    try? FileHandle.standardError.write(
      contentsOf: Data((text + lost.joined(separator: "; ") + "\n").utf8))
  }

  private func send(_ heartbeat: [CChar], to ranks: Range<Int>) throws(CollectiveError) {
    for receiver in ranks where receiver != rank {
      try Self.check("a heartbeat", avp_mpi_heartbeat_send(handle, Int32(receiver), heartbeat))
    }
  }

  /// Says that this rank ends by itself, so that the others, which are told to end next, do not
  /// name it among those that are gone.
  func sayFarewell() {
    guard worldSize > 1, stallTimeout != nil else { return }
    // Again: a heartbeat is dropped where the one before is still on its way.
    for _ in 0..<3 {
      try? answerEnd()
      usleep(1_000)
    }
  }

  /// Says that this rank lives and knows of the end.
  private func answerEnd(at time: ContinuousClock.Instant = .now) throws(CollectiveError) {
    toldToEnd = time
    reported = .now
    try sendHeartbeat(.ending)
  }

  private func hear() throws(CollectiveError) {
    guard worldSize > 1, stallTimeout != nil else { return }
    var heartbeat = [CChar](repeating: 0, count: Int(AVP_MPI_HEARTBEAT_BYTES))
    while true {
      var sender: Int32 = -1
      try Self.check("a heartbeat", avp_mpi_heartbeat_receive(handle, &sender, &heartbeat))
      guard sender >= 0 else { return }
      heartbeats.record(heartbeat, from: Int(sender))
      // Also where only some were told: else they would miss the answers of the others.
      if toldToEnd == nil, heartbeats.isEnding(Int(sender)) { try answerEnd() }
    }
  }

  /// Ends the wait when it has lasted too long and somebody stands still. Rank 0 speaks first, then
  /// rank 1, then any other, so that usually one rank alone reports.
  private func checkStall(
    _ operation: String, _ watch: inout Watch
  ) throws(CollectiveError) {
    guard let stallTimeout, worldSize > 1 else { return }
    let now = ContinuousClock.now
    defer { watch.checked = now }
    // Time in which this rank itself was stopped is no waiting for others.
    if now - watch.checked > Self.silenceLimit(stallTimeout) { watch.begin = now }
    let waited = now - watch.begin
    guard waited > stallTimeout + .seconds(2 * min(rank, 2)) else { return }
    try hear()
    guard let culprits = culprits(stallTimeout) else { return }
    throw .stalled(
      "Rank \(rank) (host \(host)) has waited \(waited.components.seconds) s in \(operation): "
        + "\(culprits). The run ends here.\(stallAdvice)")
  }

  /// Who stands still, in words; nil where all that are missing get on. Ranks beyond 1 hear of 0
  /// and 1 alone, and speak where both stand still.
  private func culprits(_ stallTimeout: Duration) -> String? {
    let watched = (0..<(rank < 2 ? worldSize : 2)).filter { $0 != rank }
    let stalled = heartbeats.stalled(among: watched, limit: stallTimeout)
    if rank >= 2 {
      return stalled.count == watched.count
        ? "ranks 0 and 1, which watch over the others, do not answer either" : nil
    }
    guard stalled.isEmpty else {
      return heartbeats.diagnostics(of: stalled, silentFor: Self.silenceLimit(stallTimeout))
        .joined(separator: "; ")
    }
    return heartbeats.areUnchanged(watched, limit: stallTimeout)
      ? "every rank answers, but the exchange does not end" : nil
  }
}
