import Foundation
import Training

/// What each rank did in a whole run, as a table of a page: who computes, and who waits for whom.
package struct RankTable: Sendable {
  /// One rank on one host; a run that went on elsewhere has several of the same number.
  private struct Key: Hashable {
    let rank: Int
    let host: String
  }

  private struct Row {
    var images = 0
    var (features, own, waiting) = (0.0, 0.0, 0.0)

    var secondsAnImage: Double { images > 0 ? features / Double(images) : 0 }
  }

  /// A line of `metrics.jsonl`.
  private struct Line: Decodable {
    let event: String
    let hosts: [String]
    let images: [Int]
    let featureSeconds: [Double]
    let ownSeconds: [Double]
    let waitingSeconds: [Double]

    /// Whether it speaks of as many ranks everywhere, and of times that there are.
    var isWhole: Bool {
      event == "ranks" && images.allSatisfy { $0 >= 0 && $0 < 1 << 40 }
        && [featureSeconds, ownSeconds, waitingSeconds].allSatisfy { times in
          times.count == hosts.count && times.allSatisfy { $0 >= 0 && $0 < 1e12 }
        } && images.count == hosts.count
    }
  }

  /// How many ranks a page shows: of more, those that take longest for an image.
  static let limit = 64

  private var rows: [Key: Row] = [:]

  /// Nothing is known yet.
  package init() {}

  /// Adds what a line of `metrics.jsonl` says about the ranks; other lines say nothing.
  package mutating func add(_ line: [UInt8]) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let line = try? decoder.decode(Line.self, from: Data(line)), line.isWhole else { return }
    for (rank, host) in line.hosts.enumerated() {
      var row = rows[Key(rank: rank, host: host)] ?? Row()
      row.images &+= line.images[rank]
      row.features += line.featureSeconds[rank]
      row.own += line.ownSeconds[rank]
      row.waiting += line.waitingSeconds[rank]
      rows[Key(rank: rank, host: host)] = row
    }
  }

  /// The table with its heading; nil where nothing is known.
  var html: String? {
    guard !rows.isEmpty else { return nil }
    let slowest = rows.sorted {
      ($1.value.secondsAnImage, $0.key.rank, $0.key.host)
        < ($0.value.secondsAnImage, $1.key.rank, $1.key.host)
    }
    let longest = max(1e-9, slowest[0].value.secondsAnImage)
    let shown = slowest.prefix(Self.limit).sorted {
      ($0.key.rank, $0.key.host) < ($1.key.rank, $1.key.host)
    }
    let lines = shown.map { key, row in
      let cells = [row.features, row.own, row.waiting].map { String(format: "<td>%.1f</td>", $0) }
      return "<tr><th>\(key.rank)</th><td>\(HTMLPage.escaped(key.host))</td><td>\(row.images)</td>"
        + String(
          format: "<td class=\"bar\" style=\"--share:%.3f\">%.4f</td>",
          row.secondsAnImage / longest, row.secondsAnImage)
        + cells.joined() + "</tr>"
    }
    let part = rows.count > shown.count ? ", the \(shown.count) slowest of \(rows.count)" : ""
    return """
      <h2>The ranks\(part)</h2>
      <p class="note">Seconds over the run. In every step all wait for the rank that takes longest \
      for an image. While it waits, a rank computes ahead, so waiting alone tells little.</p>
      <div class="scroll"><table class="ranks">
      <tr><th>rank</th><th>host</th><th>images</th><th>s an image</th><th>features</th>\
      <th>other work</th><th>waiting for others</th></tr>
      \(lines.joined(separator: "\n"))
      </table></div>
      """
  }

  static let style = """
    .ranks td { font-variant-numeric: tabular-nums; }
    .ranks .bar { background: linear-gradient(to right, var(--muted) calc(var(--share) * 100%),
      transparent 0); }
    """
}
