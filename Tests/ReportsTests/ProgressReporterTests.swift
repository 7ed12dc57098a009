import Foundation
import Synchronization
import Testing

@testable import Reports
@testable import Training

/// What was written, from whatever thread.
final class Written: Sendable {
  private let text = Mutex("")
  func add(_ more: String) { text.withLock { $0 += more } }
  var all: String { text.withLock(\.self) }
}

struct ProgressReporterTests {
  private func epoch(_ number: Int, skipped: [String] = []) -> TrainingEvent {
    .epoch(
      EpochMetrics(
        epoch: number, trainLoss: 0.5, trainAccuracy: 0.5, validationLoss: 0.5,
        validationAccuracy: 0.5, skipped: skipped), seconds: 1, imagesPerSecond: 10, isBest: false)
  }

  private func shown(
    _ style: ProgressStyle, columns: Int? = nil, _ events: [TrainingEvent]
  ) -> String {
    let written = Written()
    let terminal = columns.map { columns in Terminal(columns: { columns }, write: written.add) }
    var reporter = ProgressReporter(
      style: style, terminal: terminal, trainCount: 40, write: written.add)
    for event in events { reporter.show(event) }
    reporter.close()
    return written.all
  }

  private var run: [TrainingEvent] {
    let start = TrainingEvent.started(stepsPerEpoch: 2, epochs: 2, completedSteps: 0)
    let epochs = (1...2).flatMap { number -> [TrainingEvent] in
      [
        .step(epoch: number, step: 1, images: 20, meanLoss: 0.5),
        .step(epoch: number, step: 2, images: 40, meanLoss: 0.5),
        .validating(epoch: number, done: 0, total: 10), epoch(number),
      ]
    }
    return [start] + epochs
  }

  @Test func plainTextHasALineAnEpochAndNoControlSequence() {
    let lines = shown(.plain, columns: 80, run).split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("epoch") && lines[2].hasPrefix("  2/2"))
    #expect(shown(.auto, run) == shown(.plain, run))
    #expect(!shown(.auto, run).contains("\u{1B}"))
  }

  @Test(arguments: [19, 20, 40, 80, 200])
  func aBarLeavesTheLastColumnFreeAndGoesAway(columns: Int) {
    let text = shown(.auto, columns: columns, run)
    let pieces = text.split(separator: "\u{1B}[K").map { $0.drop { $0 == "\r" } }
    for piece in pieces {
      for line in piece.split(whereSeparator: \.isNewline) {
        #expect(line.count < max(columns, StatusLine.leastColumns), "\(line)")
      }
    }
    #expect(text.contains("epoch 1/2") == (columns >= 20))
    #expect(text.contains("\u{1B}[K\u{1B}") == false && !text.hasSuffix("━"))
  }

  @Test func whatIsLeftOutIsToldOnceAndAgainWhereItIsOther() {
    let events = [
      epoch(1, skipped: ["a"]), epoch(2, skipped: ["a"]), epoch(3, skipped: ["a", "b"]),
    ]
    let lines = shown(.plain, events).split(separator: "\n").filter { $0.contains("left out") }
    #expect(lines.count == 2 && lines[0].hasPrefix("1 image was"))
    #expect(lines[1].hasPrefix("2 images were"))
  }

  @Test func aWarningIsALineOfItsOwn() {
    let step = TrainingEvent.step(epoch: 1, step: 1, images: 1, meanLoss: 1)
    let text = shown(.auto, columns: 80, [step, .warning("a\n\u{1B}[2Jb")])
    #expect(text.hasSuffix("\r\u{1B}[Kwarning: a\\u{a}\\u{1b}[2Jb\n"))
  }
}
