internal import CMPIShim

/// Which operation each rank has entered last, as far as this rank has heard.
struct Arrivals {
  private var entered: Int64 = 0
  private var latest: [(sequence: Int64, text: String)]

  init(worldSize: Int) {
    latest = Array(repeating: (0, ""), count: worldSize)
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
  mutating func record(_ notice: [CChar], from sender: Int) {
    let bytes = notice.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: "|", maxSplits: 1)
    guard parts.count == 2, let sequence = Int64(parts[0]), latest.indices.contains(sender) else {
      return
    }
    latest[sender] = (sequence, String(parts[1]))
  }

  /// A line for each rank that has not entered this rank's current operation.
  func missing(except own: Int) -> [String] {
    latest.indices.compactMap { rank in
      guard rank != own, latest[rank].sequence < entered else { return nil }
      let last = latest[rank].text
      return
        "rank \(rank) does not answer (\(last.isEmpty ? "never heard of" : "last heard: \(last)"))"
    }
  }
}
