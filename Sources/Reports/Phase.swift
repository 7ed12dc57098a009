import Dispatch
import Foundation

/// A part of a command that may take long, for the person who waits for it.
///
/// On a terminal one line, after the first second, says how far it is, and goes away at the end.
/// Elsewhere a plain line on standard error does, after ten seconds and then once a minute.
///
/// `@unchecked Sendable`: all mutable state is touched only while `lock` is held.
package final class Phase: @unchecked Sendable {
  private let title: String
  private let lock = NSLock()
  private var line: StatusLine?
  private let writePlain: @Sendable (String) -> Void
  private let timer: any DispatchSourceTimer
  private let begin = ContinuousClock.now
  private var done = 0
  private var total: Int?
  private var hasEnded = false

  /// Begins a phase, to be ended with ``end()``.
  ///
  /// - Parameters:
  ///   - title: what is being done, such as `predicting`.
  ///   - terminal: where a line can be replaced; nil for plain lines.
  ///   - delay: how long the phase lasts before it is shown; nil for the times above.
  ///   - writePlain: receives a plain line with its line break.
  package init(
    _ title: String, on terminal: Terminal?, delay: Duration? = nil,
    writePlain: @escaping @Sendable (String) -> Void = { text in
      try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
  ) {
    self.title = title
    self.writePlain = writePlain
    line = terminal.map(StatusLine.init)
    timer = DispatchSource.makeTimerSource()
    let delay = delay ?? (terminal == nil ? .seconds(10) : .seconds(1))
    timer.schedule(
      deadline: .now() + delay.inSeconds,
      repeating: terminal == nil ? .seconds(60) : .milliseconds(250))
    timer.setEventHandler { [weak self] in self?.show() }
    timer.resume()
  }

  /// Runs `work`, which may tell how far it is.
  package static func during<Result>(
    _ title: String, on terminal: Terminal?, _ work: (Phase) throws -> Result
  ) rethrows -> Result {
    let phase = Phase(title, on: terminal)
    defer { phase.end() }
    return try work(phase)
  }

  /// Says how far it is: `done` of `total`, which is nil where nobody knows.
  package func update(_ done: Int, of total: Int? = nil) {
    lock.withLock { (self.done, self.total) = (done, total) }
  }

  /// Takes the line away; nothing is shown afterwards.
  package func end() {
    lock.withLock {
      hasEnded = true
      line?.clear()
    }
    timer.cancel()
  }

  deinit { timer.cancel() }

  private func show() {
    lock.withLock {
      guard !hasEnded else { return }
      let seconds = (ContinuousClock.now - begin).inSeconds
      if line == nil {
        writePlain(
          Self.text(title, done, of: total, seconds: seconds, width: 79, plain: true) + "\n")
      }
      line?.show { Self.text(title, done, of: total, seconds: seconds, width: $0) }
    }
  }

  /// `predicting  ━━━━━━━━────────  384/694  0:43 left`; of an unknown total
  /// `listing images  384  0:12`.
  static func text(
    _ title: String, _ done: Int, of total: Int?, seconds: Double, width: Int, plain: Bool = false
  ) -> String {
    var facts: [String] = []
    var share: Double?
    if let total, total > 0 {
      share = plain ? nil : Double(done) / Double(total)
      facts.append("\(done)/\(total)")
      if done > 0, let left = clock(seconds / Double(done) * Double(total - done)) {
        facts.append("\(left) left")
      }
    } else {
      facts = [done > 0 ? "\(done)" : nil, clock(seconds)].compactMap(\.self)
    }
    return StatusLine.text(title, share: share, facts, width: width)
  }
}
