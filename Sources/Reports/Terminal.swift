import Foundation

/// A terminal that can take back what it shows on its last line.
package struct Terminal: Sendable {
  let columns: @Sendable () -> Int
  let write: @Sendable (String) -> Void

  /// A terminal of `columns` columns, asked whenever something is drawn.
  package init(
    columns: @escaping @Sendable () -> Int, write: @escaping @Sendable (String) -> Void
  ) {
    self.columns = columns
    self.write = write
  }

  /// The terminal that `descriptor` writes to; nil where it is none, or one that says by `TERM` that
  /// it knows no control sequences.
  ///
  /// - Parameter screen: a descriptor of the terminal that a person looks at, where that is another
  ///   one: mpirun gives its ranks one of its own and copies what they write.
  package init?(
    _ descriptor: Int32, shownAt screen: Int32? = nil, environment: [String: String]
  ) {
    let screen = screen ?? descriptor
    guard isatty(descriptor) != 0, isatty(screen) != 0,
      !["", "dumb", "unknown"].contains(environment["TERM"] ?? "")
    else { return nil }
    self.init {
      var size = winsize()
      return ioctl(screen, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    } write: { text in
      try? FileHandle(fileDescriptor: descriptor).write(contentsOf: Data(text.utf8))
    }
  }

  /// Columns that a line may have. The last one stays free: a character there is overwritten by the
  /// next, or moves the cursor to another line.
  var lineWidth: Int { columns() - 1 }

  /// Takes away what stands on the line of the cursor, so that other text can.
  package func clearLine() { write("\r\u{1B}[K") }
}

/// The line at the end of a terminal that is replaced as work goes on.
struct StatusLine {
  /// On fewer columns than this nothing is shown.
  static let leastColumns = 20

  let terminal: Terminal
  private var drawn: ContinuousClock.Instant?

  init(_ terminal: Terminal) { self.terminal = terminal }

  /// Shows the text that is made for the width at hand, ten times a second at most.
  mutating func show(_ text: (_ width: Int) -> String) {
    let now = ContinuousClock.now
    if let drawn, now - drawn < .milliseconds(100) { return }
    drawn = now
    let width = terminal.lineWidth
    terminal.write(
      "\r\u{1B}[K" + (width + 1 < Self.leastColumns ? "" : String(text(width).prefix(width))))
  }

  /// Takes the line away.
  mutating func clear() {
    if drawn != nil { terminal.clearLine() }
    drawn = nil
  }

  /// `epoch 2/3  ━━━━━━━━────────  384/694  0:43 left`: a head, a bar, and of the facts, the most
  /// telling first, as many as there is room for.
  ///
  /// - Parameter share: how much of the work is done, 0 to 1; nil where nobody knows, for no bar.
  static func text(_ head: String, share: Double?, _ facts: [String], width: Int) -> String {
    var tail = ""
    for (index, fact) in facts.enumerated() {
      // The first two tell more than a bar, the others less.
      let bar = index < 2 || share == nil ? 0 : 10
      guard head.count + tail.count + fact.count + 2 + bar <= width else { break }
      tail += "  " + fact
    }
    let cells = min(24, width - head.count - tail.count - 2)
    guard let share, cells >= 4 else { return head + tail }
    let filled = Int(Double(cells) * min(1, max(0, share)))
    return head + "  " + String(repeating: "━", count: filled)
      + String(repeating: "─", count: cells - filled) + tail
  }
}

/// `0:43`, `12:05`, `3:07:09`; nil for more than 10,000 hours and for what is no time.
func clock(_ seconds: Double) -> String? {
  guard seconds >= 0, seconds < 3.6e7 else { return nil }
  let whole = Int(seconds.rounded())
  let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
  return hours > 0
    ? String(format: "%d:%02d:%02d", hours, minutes, rest)
    : String(format: "%d:%02d", minutes, rest)
}
