import FileIO

/// What each rank has told last about itself, and when, as far as this rank has heard: from the rank
/// itself, or from others that pass it on.
struct Heartbeats {
  /// What a rank says it does.
  enum State: UInt64 {
    /// It waits for the others in its operation.
    case waiting
    /// It is busy behind that operation.
    case busy
    /// It was told to end, and lives.
    case ending
  }

  /// What a rank has told last.
  private struct Heartbeat {
    /// How many it had sent by then; 0 where it has never been heard of.
    var beat: UInt32 = 0
    var state = State.waiting
    /// When it was heard, and since when it has told the same.
    var heard: ContinuousClock.Instant
    var changed: ContinuousClock.Instant
  }

  /// The words of a rank, and in which of its heartbeats they were.
  private struct Words {
    let beat: UInt32
    let text: String
  }

  /// How many words of other ranks a heartbeat passes on, and how many ranks a message spells out.
  private static let most = 8
  /// Bytes that the words of one rank may have.
  private static let longest = 480

  private let rank: Int
  /// The unit in which heartbeats tell for how long a rank has said the same.
  private let unit: Duration
  private let limit: Duration
  private var latest: [Heartbeat]
  private var words: [Int: Words] = [:]
  private var entered = 0
  private var toldEntered = 0

  /// Nobody has been heard yet at the time `now`.
  ///
  /// - Parameter limit: how long a rank may stand still.
  init(rank: Int, worldSize: Int, limit: Duration, now: ContinuousClock.Instant) {
    self.rank = rank
    self.limit = limit
    unit = limit / 1_000
    latest = Array(repeating: Heartbeat(heard: now, changed: now), count: worldSize)
  }

  /// Counts one more operation that this rank enters.
  mutating func enter() { entered += 1 }

  // MARK: Heartbeats as bytes

  // A heartbeat is the sender's record; the number of words, and for each the rank, its count then,
  // and the text with its length; then, in some, the record of every rank. A record is the rank's
  // count, the age of the heartbeat with that count, and for how long it had told the same then with
  // its state in the two highest bits: 32, 16 and 16 bits of a number.

  /// What tells others about this rank, with the words of those that seem to stand still.
  ///
  /// - Parameter passesOn: whether it also tells what is known of all other ranks.
  mutating func heartbeat(
    _ text: String, _ state: State, passesOn: Bool, now: ContinuousClock.Instant
  ) -> [UInt8] {
    let isSame =
      latest[rank].state == state && toldEntered == entered && words[rank]?.text == text
    toldEntered = entered
    latest[rank].beat += 1
    latest[rank].state = state
    latest[rank].heard = now
    if !isSame { latest[rank].changed = now }
    words[rank] = Words(beat: latest[rank].beat, text: text)
    let told = [rank] + worthTelling(now)
    var bytes = littleEndianBytes(of: [record(of: rank, now)]) + little(told.count, 2)
    for rank in told {
      let words = words[rank] ?? Words(beat: 0, text: "")
      let text = Array(words.text.utf8.prefix(Self.longest))
      bytes += little(rank, 4) + little(Int(words.beat), 4) + little(text.count, 2) + text
    }
    if passesOn { bytes.append(littleEndian: latest.indices.map { record(of: $0, now) }) }
    return bytes
  }

  private func record(of rank: Int, _ now: ContinuousClock.Instant) -> UInt64 {
    let last = latest[rank]
    func units(_ duration: Duration, atMost most: Double) -> UInt64 {
      UInt64(min(most, max(0, duration / unit)))
    }
    return UInt64(last.beat) | units(now - last.heard, atMost: 0xffff) << 32
      | units(last.heard - last.changed, atMost: 0x3fff) << 48 | last.state.rawValue << 62
  }

  /// The ranks whose words others may want: those of whom nothing new has come for a while, and where
  /// all end those that have not answered.
  private func worthTelling(_ now: ContinuousClock.Instant) -> [Int] {
    let isEnd = latest[rank].state == .ending
    return words.keys.filter {
      $0 != rank && (isEnd ? !isEnding($0) : standsStill($0, limit: limit / 2, now: now))
    }.sorted { (latest[$0].heard, $0) < (latest[$1].heard, $1) }.prefix(Self.most).map(\.self)
  }

  /// Records a heartbeat of rank `sender`; bytes that are none are left out.
  ///
  /// - Returns: whether it told that another rank knows of the end.
  mutating func record(
    _ heartbeat: [UInt8], from sender: Int, now: ContinuousClock.Instant
  ) -> Bool {
    var reader = Reader(bytes: heartbeat[...])
    guard latest.indices.contains(sender), let own: UInt64 = reader.number(),
      let count: UInt16 = reader.number()
    else { return false }
    var isNews = take(own, of: sender, now)
    for _ in 0..<count {
      guard let teller: UInt32 = reader.number(), let beat: UInt32 = reader.number(),
        let size: UInt16 = reader.number(), let text = reader.text(Int(size))
      else { return isNews }
      let index = Int(teller)
      guard latest.indices.contains(index), index != rank, beat > words[index]?.beat ?? 0 else {
        continue
      }
      words[index] = Words(beat: beat, text: text)
    }
    let records: [UInt64] = numbers(ofLittleEndianBytes: reader.bytes)
    for (rank, record) in zip(latest.indices, records) where take(record, of: rank, now) {
      isNews = true
    }
    return isNews
  }

  /// Takes a rank's record where it is newer than what is known: the same one again, however young it
  /// seems to be on another way, is no sign of life.
  private mutating func take(
    _ record: UInt64, of rank: Int, _ now: ContinuousClock.Instant
  ) -> Bool {
    let beat = UInt32(truncatingIfNeeded: record)
    guard rank != self.rank, beat > latest[rank].beat, let state = State(rawValue: record >> 62)
    else { return false }
    let isNews = state == .ending && latest[rank].state != .ending
    let heard = now - unit * Int(record >> 32 & 0xffff)
    latest[rank] = Heartbeat(
      beat: beat, state: state, heard: heard, changed: heard - unit * Int(record >> 48 & 0x3fff))
    return isNews
  }

  /// Reads whole numbers, the lowest byte first, and texts.
  private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>() -> Number? {
      let size = MemoryLayout<Number>.size
      defer { bytes = bytes.dropFirst(size) }
      let found: [Number] = numbers(ofLittleEndianBytes: bytes.prefix(size))
      return found.first
    }

    mutating func text(_ count: Int) -> String? {
      guard bytes.count >= count else { return nil }
      defer { bytes = bytes.dropFirst(count) }
      return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
  }

  // MARK: What follows from them

  /// A rank that waits for others does its part by being heard. One that is busy gets on as long as
  /// what it tells about itself changes: where a file cannot be read it repeats that file's name.
  private func standsStill(
    _ rank: Int, limit: Duration, now: ContinuousClock.Instant
  ) -> Bool {
    let last = latest[rank]
    return now - last.heard > limit || last.state == .busy && now - last.changed > limit
  }

  /// The other ranks that have stood still for longer than the limit.
  func stalled(now: ContinuousClock.Instant) -> [Int] {
    latest.indices.filter { $0 != rank && standsStill($0, limit: limit, now: now) }
  }

  /// Whether all other ranks are heard and none has told anything new for longer than the limit.
  func areUnchanged(now: ContinuousClock.Instant) -> Bool {
    latest.indices.allSatisfy {
      $0 == rank || now - latest[$0].changed > limit && now - latest[$0].heard < limit / 2
    }
  }

  /// What there is to say where the `stalled` ranks stand still: of the ranks that have been silent
  /// about as long as the longest; where all are heard, of what the stalled ones do.
  func diagnostics(of stalled: [Int], now: ContinuousClock.Instant) -> [String] {
    let longest = stalled.map { now - latest[$0].heard }.max() ?? .zero
    guard longest > limit / 2 else {
      return listed(stalled) { rank, text in
        let seconds = (now - latest[rank].changed).components.seconds
        return "rank \(rank) is busy with something else (the same for \(seconds) s; last heard: "
          + "\(text ?? "nothing"))"
      }
    }
    let silent = latest.indices.filter {
      let silence = now - latest[$0].heard
      return $0 != rank && silence > limit / 2 && silence * 2 > longest
    }
    return listed(silent) { rank, text in
      let seconds = (now - latest[rank].heard).components.seconds
      let end = text.map { "last heard: \($0)" } ?? "never heard of"
      return "rank \(rank) does not answer (silent for \(seconds) s; \(end))"
    }
  }

  /// What there is to say of each rank that has not said that it lives since all were told to end.
  func lost() -> [String] {
    listed(latest.indices.filter { $0 != rank && !isEnding($0) }) { rank, text in
      "rank \(rank) (\(text.map { "last heard: \($0)" } ?? "never heard of"))"
    }
  }

  /// The first ranks with what they have told last, the others as a number.
  private func listed(_ ranks: [Int], _ line: (Int, String?) -> String) -> [String] {
    let lines = ranks.prefix(Self.most).map { line($0, words[$0]?.text) }
    return lines + (ranks.count > lines.count ? ["\(ranks.count - lines.count) more ranks"] : [])
  }

  /// Whether `rank` has said that it lives since all were told to end.
  func isEnding(_ rank: Int) -> Bool { latest[rank].state == .ending }
}
