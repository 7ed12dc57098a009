import Collectives

/// How heartbeats travel, and the time; tests stand in for MPI and the clock.
struct HeartbeatTransport {
  var send: (_ heartbeat: [UInt8], _ receiver: Int) throws(CollectiveError) -> Void
  /// The next heartbeat that has come, nil for none.
  var receive: () throws(CollectiveError) -> (sender: Int, heartbeat: [UInt8])?
  /// Shows a line to a person.
  var say: (String) -> Void
  var now: () -> ContinuousClock.Instant
}

/// One rank's part in watching over all: what it tells the others, and whom it names.
///
/// Each rank tells those 1, 2, 4, … ranks before and behind it about itself, so that it hears of as
/// many, once a second, two of them at once when it does something else; and from time to time all
/// that it knows. What one rank knows is known to all after log₂ N
/// such times, by many ways, whoever stands still; also where all ranks of a host do, as the ranks
/// before and behind it lie on others.
struct StallWatch {
  let rank: Int
  let worldSize: Int
  let host: String
  /// How long a rank may stand still while others wait.
  let timeout: Duration
  private let transport: HeartbeatTransport
  /// Whom this rank tells.
  private let receivers: [Int]
  /// Those of them that it tells at once what it does.
  private let keepers: [Int]
  /// How often it tells all that it knows: so that this has come to everybody within a quarter of the
  /// stall timeout.
  private let passingInterval: Duration

  /// What this rank is busy with, in words.
  var activity = ""
  /// What the others have told about themselves.
  private var heartbeats: Heartbeats
  /// When this rank has told last about itself, and about all.
  private var told: ContinuousClock.Instant?
  private var passedOn: ContinuousClock.Instant?
  /// What it has told last that it does, and when.
  private var toldActivity = ""
  private var toldKeepers: ContinuousClock.Instant?
  /// When this rank has listened last while it was busy.
  private var heard: ContinuousClock.Instant
  /// When this rank noticed that it is told to end.
  private var toldToEnd: ContinuousClock.Instant?
  /// Whether it has heard of ranks that know of the end since it has told last about all.
  private var hasNews = false
  /// Whether it has named those that are gone.
  private var hasNamedLost = false
  private var wait: Wait

  /// The times of one wait.
  private struct Wait {
    var begin: ContinuousClock.Instant
    var checked: ContinuousClock.Instant

    init(_ now: ContinuousClock.Instant) { (begin, checked) = (now, now) }
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
    heartbeats = Heartbeats(rank: rank, worldSize: worldSize, limit: timeout, now: now)
    heard = now
    wait = Wait(now)
    let distances = Array(sequence(first: 1) { 2 * $0 }.prefix { $0 < worldSize })
    receivers = Set(
      distances.flatMap { [(rank + $0) % worldSize, (rank + worldSize - $0) % worldSize] }
    ).sorted()
    keepers = Set([1, distances.last ?? 1].map { (rank + $0) % worldSize }).sorted()
    passingInterval = timeout / (4 * (distances.count + 1))
  }

  /// How often a rank tells about itself at least while it waits, and at most before operations.
  private var reminderInterval: Duration { min(.seconds(1), passingInterval) }

  /// Enters the next operation, and hears what the others tell.
  mutating func enter() throws(CollectiveError) {
    heartbeats.enter()
    try remind()
    try tellKeepers(.waiting)
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
    let mustAnswer = isToldToEnd && toldToEnd == nil
    guard mustAnswer || now - heard > .milliseconds(100) else { return }
    heard = now
    try hear()
    try nameLost(isToldToEnd)
    if isDue(told, every: reminderInterval / 2, now) { try tell(.busy) }
    try tellKeepers(.busy)
  }

  /// Says that this rank lives and ends by itself, so that the others, which are told to end next,
  /// do not name it among those that are gone.
  mutating func sayFarewell() throws(CollectiveError) { try answerEnd(at: transport.now()) }

  // MARK: What it tells

  /// Repeats the heartbeat, so that nobody takes this rank for a silent one.
  private mutating func remind() throws(CollectiveError) {
    guard isDue(told, every: reminderInterval, transport.now()) else { return }
    try tell(.waiting)
  }

  private func isDue(
    _ last: ContinuousClock.Instant?, every interval: Duration, _ now: ContinuousClock.Instant
  ) -> Bool {
    last.map { now - $0 > interval } ?? true
  }

  /// Tells two others at once what this rank has begun to do, so that they know where it was when it
  /// stops: its neighbour, and one that is as far away as any.
  private mutating func tellKeepers(_ state: Heartbeats.State) throws(CollectiveError) {
    guard activity != toldActivity, isDue(toldKeepers, every: .milliseconds(20), transport.now())
    else { return }
    try send(state, to: keepers, passesOn: false)
  }

  private mutating func tell(_ state: Heartbeats.State) throws(CollectiveError) {
    let now = transport.now()
    let passesOn = toldToEnd != nil || isDue(passedOn, every: passingInterval, now)
    told = now
    if passesOn { (passedOn, hasNews) = (now, false) }
    try send(state, to: receivers, passesOn: passesOn)
  }

  private mutating func send(
    _ state: Heartbeats.State, to ranks: [Int], passesOn: Bool
  ) throws(CollectiveError) {
    let now = transport.now()
    (toldKeepers, toldActivity) = (now, activity)
    // Told once that it ends, a rank does not take that back.
    let heartbeat = heartbeats.heartbeat(
      "host \(host)" + (activity.isEmpty ? "" : ", \(activity)"),
      toldToEnd == nil ? state : .ending, passesOn: passesOn, now: now)
    for receiver in ranks { try transport.send(heartbeat, receiver) }
  }

  /// Says that this rank lives and knows of the end.
  private mutating func answerEnd(at time: ContinuousClock.Instant) throws(CollectiveError) {
    toldToEnd = time
    try tell(.ending)
  }

  // MARK: What it makes of what it hears

  mutating func hear() throws(CollectiveError) {
    while let (sender, heartbeat) = try transport.receive() {
      let now = transport.now()
      guard heartbeats.record(heartbeat, from: sender, now: now) else { continue }
      hasNews = true
      // Also where only some were told: else they would miss the answers of the others.
      if toldToEnd == nil { try answerEnd(at: now) }
    }
  }

  /// Names the ranks that are gone, where all are told to end because of them: mpirun gives the
  /// others a second, in which those that live say so.
  private mutating func nameLost(_ isToldToEnd: Bool) throws(CollectiveError) {
    guard !hasNamedLost else { return }
    let now = transport.now()
    guard let toldToEnd else { return isToldToEnd ? try answerEnd(at: now) : () }
    // Again: a heartbeat is dropped where the one before is still on its way. Soon, where others
    // have to learn who lives.
    if isDue(told, every: .milliseconds(hasNews ? 20 : 100), now) { try answerEnd(at: toldToEnd) }
    guard now - toldToEnd > .milliseconds(700) else { return }
    hasNamedLost = true
    let lost = heartbeats.lost()
    guard !lost.isEmpty, !(0..<rank).contains(where: heartbeats.isEnding) else { return }
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
    if now - wait.checked > min(.seconds(4), timeout / 2) { wait.begin = now }
    wait.checked = now
    let waited = now - wait.begin
    guard waited > timeout + .seconds(2 * min(rank, 2)) else { return }
    try hear()
    guard let culprits = culprits(at: now) else { return }
    throw .stalled(
      "Rank \(rank) (host \(host)) has waited \(waited.components.seconds) s in \(operation): "
        + "\(culprits). The run ends here.")
  }

  /// Who stands still, in words; nil where all that are missing get on, or where it is for others to
  /// say: ranks beyond 1 leave the word to all below them that do not stand still themselves.
  private func culprits(at now: ContinuousClock.Instant) -> String? {
    let stalled = heartbeats.stalled(now: now)
    guard rank < 2 || stalled.starts(with: 0..<rank) else { return nil }
    guard stalled.isEmpty else {
      return heartbeats.diagnostics(of: stalled, now: now).joined(separator: "; ")
    }
    return heartbeats.areUnchanged(now: now)
      ? "every rank answers, but the exchange does not end" : nil
  }
}
