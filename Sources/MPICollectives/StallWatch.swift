import Collectives

/// How heartbeats travel, and the time; tests stand in for MPI and the clock.
struct HeartbeatTransport {
  var send: (_ heartbeat: [CChar], _ receiver: Int) throws(CollectiveError) -> Void
  /// The next heartbeat that has come, nil for none.
  var receive: () throws(CollectiveError) -> (sender: Int, heartbeat: [CChar])?
  /// Shows a line to a person.
  var say: (String) -> Void
  var now: () -> ContinuousClock.Instant
}

/// One rank's part in watching over all: what it tells the others, and whom it names.
struct StallWatch {
  let rank: Int
  let worldSize: Int
  let host: String
  /// How long a rank may stand still while others wait.
  let timeout: Duration
  private let transport: HeartbeatTransport

  /// What this rank is busy with, in words.
  var activity = ""
  /// What the others have told about themselves.
  private var heartbeats: Heartbeats
  /// When this rank has reported last what it is busy with.
  private var reported: ContinuousClock.Instant
  /// When this rank has listened last while it was busy.
  private var heard: ContinuousClock.Instant
  /// When this rank noticed that it is told to end.
  private var toldToEnd: ContinuousClock.Instant?
  /// Whether it has named those that are gone.
  private var hasNamedLost = false
  private var wait: Wait

  /// The times of one wait.
  private struct Wait {
    var begin: ContinuousClock.Instant
    var reminded: ContinuousClock.Instant
    var checked: ContinuousClock.Instant

    init(_ now: ContinuousClock.Instant) { (begin, reminded, checked) = (now, now, now) }
  }

  /// Nobody has been heard yet.
  init(
    rank: Int, worldSize: Int, host: String, timeout: Duration, transport: HeartbeatTransport
  ) {
    let now = transport.now()
    self.rank = rank
    self.worldSize = worldSize
    self.host = host
    self.timeout = timeout
    self.transport = transport
    heartbeats = Heartbeats(worldSize: worldSize, now: now)
    (reported, heard) = (now, now)
    wait = Wait(now)
  }

  /// How often a rank repeats its heartbeat: several times within the stall timeout.
  private var reminderInterval: Duration { min(.seconds(1), timeout / 8) }

  /// How long a rank may be silent before it counts as stopped.
  private var silenceLimit: Duration { reminderInterval * 4 }

  /// Tells ranks 0 and 1 that this rank enters its next operation, and hears those of the others.
  mutating func enter() throws(CollectiveError) {
    heartbeats.enter()
    try send(.waiting, to: 0..<2)
    try hear()
  }

  /// Its operation has begun, and is waited for from now on.
  mutating func beginWait() { wait = Wait(transport.now()) }

  /// To be called often while this rank waits in `operation`.
  ///
  /// - Throws: ``CollectiveError/stalled(_:)`` when that has lasted too long and somebody stands
  ///   still.
  mutating func look(
    _ operation: String, isToldToEnd: Bool
  ) throws(CollectiveError) {
    try hear()
    try remind()
    try nameLost(isToldToEnd)
    try checkStall(operation)
  }

  /// To be called often while this rank is busy.
  mutating func report(isToldToEnd: Bool) throws(CollectiveError) {
    let now = transport.now()
    // The clock first: this is called for every file, and each look into MPI may give the processor
    // away where ranks share it.
    guard now - heard > .milliseconds(100) else { return }
    heard = now
    try hear()
    try nameLost(isToldToEnd)
    guard now - reported > reminderInterval / 2 else { return }
    reported = now
    try sendHeartbeat(.busy)
  }

  /// Says that this rank lives and ends by itself, so that the others, which are told to end next,
  /// do not name it among those that are gone.
  mutating func sayFarewell() throws(CollectiveError) { try answerEnd(at: transport.now()) }

  // MARK: What it tells

  /// Repeats the heartbeat, so that nobody takes this rank for a silent one.
  private mutating func remind() throws(CollectiveError) {
    let now = transport.now()
    guard now - wait.reminded > reminderInterval else { return }
    wait.reminded = now
    try sendHeartbeat(.waiting)
  }

  /// Tells those who watch; of those, all.
  private func sendHeartbeat(_ state: Heartbeats.State) throws(CollectiveError) {
    try send(state, to: 0..<(rank < 2 ? worldSize : 2))
  }

  private func send(_ state: Heartbeats.State, to ranks: Range<Int>) throws(CollectiveError) {
    // Told once that it ends, a rank does not take that back.
    let heartbeat = heartbeats.heartbeat(
      host: host, activity: activity, state: toldToEnd == nil ? state : .ending)
    for receiver in ranks where receiver != rank { try transport.send(heartbeat, receiver) }
  }

  /// Says that this rank lives and knows of the end.
  private mutating func answerEnd(at time: ContinuousClock.Instant) throws(CollectiveError) {
    toldToEnd = time
    reported = transport.now()
    try sendHeartbeat(.ending)
  }

  // MARK: What it makes of what it hears

  private mutating func hear() throws(CollectiveError) {
    while let (sender, heartbeat) = try transport.receive() {
      let now = transport.now()
      heartbeats.record(heartbeat, from: sender, now: now)
      // Also where only some were told: else they would miss the answers of the others.
      if toldToEnd == nil, heartbeats.isEnding(sender) { try answerEnd(at: now) }
    }
  }

  /// Names the ranks that are gone, where all are told to end because of them: mpirun gives the
  /// others a second, in which those that live say so.
  private mutating func nameLost(_ isToldToEnd: Bool) throws(CollectiveError) {
    guard !hasNamedLost else { return }
    let now = transport.now()
    guard let toldToEnd else { return isToldToEnd ? try answerEnd(at: now) : () }
    // Again: a heartbeat is dropped where the one before is still on its way.
    if now - reported > .milliseconds(100) { try answerEnd(at: toldToEnd) }
    guard rank < 2, now - toldToEnd > .milliseconds(700) else { return }
    hasNamedLost = true
    let lost = heartbeats.lost(except: rank)
    guard !lost.isEmpty, rank == 0 || !heartbeats.isEnding(0) else { return }
    transport.say(
      "avp-dist: all ranks are told to end, and these do not answer: "
        + lost.joined(separator: "; "))
  }

  /// Ends the wait when it has lasted too long and somebody stands still. Rank 0 speaks first, then
  /// rank 1, then any other, so that usually one rank alone reports.
  private mutating func checkStall(_ operation: String) throws(CollectiveError) {
    let now = transport.now()
    // Time in which this rank itself was stopped, perhaps with all others as on a machine that was
    // suspended, is no waiting for others.
    if now - wait.checked > silenceLimit { wait.begin = now }
    wait.checked = now
    let waited = now - wait.begin
    guard waited > timeout + .seconds(2 * min(rank, 2)) else { return }
    try hear()
    guard let culprits = culprits(at: now) else { return }
    throw .stalled(
      "Rank \(rank) (host \(host)) has waited \(waited.components.seconds) s in \(operation): "
        + "\(culprits). The run ends here.")
  }

  /// Who stands still, in words; nil where all that are missing get on. Ranks beyond 1 hear of 0
  /// and 1 alone, and speak where both stand still.
  private func culprits(at now: ContinuousClock.Instant) -> String? {
    let watched = (0..<(rank < 2 ? worldSize : 2)).filter { $0 != rank }
    let stalled = heartbeats.stalled(among: watched, limit: timeout, now: now)
    if rank >= 2 {
      return stalled.count == watched.count
        ? "ranks 0 and 1, which watch over the others, do not answer either" : nil
    }
    guard stalled.isEmpty else {
      return heartbeats.diagnostics(of: stalled, silentFor: silenceLimit, now: now)
        .joined(separator: "; ")
    }
    return heartbeats.areUnchanged(watched, limit: timeout, now: now)
      ? "every rank answers, but the exchange does not end" : nil
  }
}
