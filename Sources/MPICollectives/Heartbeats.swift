internal import CMPIShim

/// What each rank has told last about itself, and when, as far as this rank has heard.
struct Heartbeats {
  /// What a rank says it does.
  enum State: String {
    /// It waits for the others in its operation.
    case waiting
    /// It is busy behind that operation.
    case busy
    /// It was told to end, and lives.
    case ending
  }

  /// What a rank has told last.
  private struct Heartbeat {
    var sequence: Int64 = 0
    var state = State.waiting
    var text = ""
    /// When it was heard, and when it was first heard in these words.
    var heard: ContinuousClock.Instant
    var changed: ContinuousClock.Instant
  }

  private var entered: Int64 = 0
  private var latest: [Heartbeat]

  /// Nobody has been heard yet at the time `now`.
  init(worldSize: Int, now: ContinuousClock.Instant) {
    latest = Array(repeating: Heartbeat(heard: now, changed: now), count: worldSize)
  }

  /// Counts one more operation that this rank enters.
  mutating func enter() { entered += 1 }

  /// What tells others about this rank: the number of its last operation, its state, and "host,
  /// activity", cut to the size of a heartbeat.
  func heartbeat(host: String, activity: String, state: State) -> [CChar] {
    let size = Int(AVP_MPI_HEARTBEAT_BYTES)
    let doing = activity.isEmpty ? "" : ", \(activity)"
    let text = "\(entered)|\(state.rawValue)|host \(host)\(doing)"
    var bytes = text.utf8.prefix(size - 1).map { CChar(bitPattern: $0) }
    bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
    return bytes
  }

  /// Records a heartbeat of rank `sender`; a text that is no heartbeat is left out.
  mutating func record(
    _ heartbeat: [CChar], from sender: Int, now: ContinuousClock.Instant
  ) {
    let bytes = heartbeat.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "|", maxSplits: 2)
    guard parts.count == 3, let sequence = Int64(parts[0]), latest.indices.contains(sender),
      let state = State(rawValue: String(parts[1]))
    else { return }
    let text = String(parts[2])
    let last = latest[sender]
    let isSame = last.sequence == sequence && last.state == state && last.text == text
    latest[sender] = Heartbeat(
      sequence: sequence, state: state, text: text, heard: now,
      changed: isSame ? last.changed : now)
  }

  /// The ranks among `watched` that have stood still for longer than `limit`.
  ///
  /// A rank that waits for others does its part by being heard. One that is busy gets on as long as
  /// what it tells about itself changes: where a file cannot be read it repeats that file's name.
  func stalled(
    among watched: [Int], limit: Duration, now: ContinuousClock.Instant
  ) -> [Int] {
    watched.filter { rank in
      now - (latest[rank].state == .busy ? latest[rank].changed : latest[rank].heard) > limit
    }
  }

  /// Whether none of `watched` has told anything new for longer than `limit`.
  func areUnchanged(
    _ watched: [Int], limit: Duration, now: ContinuousClock.Instant
  ) -> Bool {
    watched.allSatisfy { now - latest[$0].changed > limit }
  }

  /// A line for each of the `stalled` ranks: those that have been silent for longer than
  /// `limit`, and of these those that have been so about as long as the longest; where all are
  /// heard, what they do.
  func diagnostics(
    of stalled: [Int], silentFor limit: Duration, now: ContinuousClock.Instant
  ) -> [String] {
    let silences = stalled.map { now - latest[$0].heard }
    guard let longest = silences.max(), longest > limit else {
      return stalled.map { rank in
        let (last, seconds) = (latest[rank], (now - latest[rank].changed).components.seconds)
        return "rank \(rank) is busy with something else (the same for \(seconds) s; last heard: "
          + "\(last.text))"
      }
    }
    return zip(stalled, silences).filter { $0.1 > limit && $0.1 * 2 > longest }.map {
      rank, silence in
      let last = latest[rank].text
      let end = last.isEmpty ? "never heard of" : "last heard: \(last)"
      return "rank \(rank) does not answer (silent for \(silence.components.seconds) s; \(end))"
    }
  }

  /// A line for each rank but `own` that has not said that it lives since all were told to end.
  func lost(except own: Int) -> [String] {
    latest.indices.filter { $0 != own && latest[$0].state != .ending }.map { rank in
      let last = latest[rank].text
      return "rank \(rank) (\(last.isEmpty ? "never heard of" : "last heard: \(last)"))"
    }
  }

  /// Whether `rank` has said that it lives since all were told to end.
  func isEnding(_ rank: Int) -> Bool { latest[rank].state == .ending }
}
