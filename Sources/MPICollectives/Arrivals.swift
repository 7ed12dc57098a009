internal import CMPIShim

/// Which operation each rank has entered last and when it was last heard, as far as this rank knows.
struct Arrivals {
  /// What a rank has told last.
  private struct Notice {
    var sequence: Int64 = 0
    var text = ""
    var time: ContinuousClock.Instant
  }

  private var entered: Int64 = 0
  private var latest: [Notice]

  /// Nobody has been heard yet at the time `now`.
  init(worldSize: Int, now: ContinuousClock.Instant = .now) {
    latest = Array(repeating: Notice(time: now), count: worldSize)
  }

  /// Counts one more operation that this rank enters.
  mutating func enter() { entered += 1 }

  /// The notice that tells others about it: "sequence|host, activity", cut to the notice's size.
  func notice(host: String, activity: String) -> [CChar] {
    let size = Int(AVP_MPI_NOTICE_BYTES)
    let text = "\(entered)|host \(host)\(activity.isEmpty ? "" : ", \(activity)")"
    var bytes = text.utf8.prefix(size - 1).map { CChar(bitPattern: $0) }
    bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
    return bytes
  }

  /// Remembers a notice of rank `sender`; a text that is no notice is left out.
  mutating func record(
    _ notice: [CChar], from sender: Int, now: ContinuousClock.Instant = .now
  ) {
    let bytes = notice.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "|", maxSplits: 1)
    guard parts.count == 2, let sequence = Int64(parts[0]), latest.indices.contains(sender) else {
      return
    }
    latest[sender] = Notice(sequence: sequence, text: String(parts[1]), time: now)
  }

  /// A line for each rank that keeps rank `own` waiting.
  ///
  /// A rank that lives repeats its notice while it waits, inside an operation too. So one that has been
  /// silent for longer than `patience` has stopped, wherever it was; of several, those that have been
  /// silent about as long as the longest. Where all are heard it is the ranks that have not entered this
  /// rank's operation: they are busy with something else.
  func culprits(
    except own: Int, patience: Duration, now: ContinuousClock.Instant = .now
  ) -> [String] {
    let others = latest.indices.filter { $0 != own }
    let silences = others.map { now - latest[$0].time }
    guard let longest = silences.max(), longest > patience else {
      return others.filter { latest[$0].sequence < entered }.map { rank in
        "rank \(rank) is busy with something else (last heard: \(latest[rank].text))"
      }
    }
    return zip(others, silences).filter { $0.1 > patience && $0.1 * 2 > longest }.map {
      rank, silence in
      let last = latest[rank].text
      let place = last.isEmpty ? "never heard of" : "last heard: \(last)"
      return "rank \(rank) does not answer (silent for \(silence.components.seconds) s; \(place))"
    }
  }
}
