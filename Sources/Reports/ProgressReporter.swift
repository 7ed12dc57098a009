import FileIO
import Foundation
import Training

/// How progress is shown.
package enum ProgressStyle: String, CaseIterable, Sendable {
  /// A bar on a terminal, plain lines elsewhere.
  case auto
  /// A line an epoch.
  case plain
  /// One JSON object an event, for other programs.
  case json
}

/// What is shown of a run with many heads, or with many quick epochs, instead of a line an epoch.
package struct QuietProgress: Sendable {
  /// What it is doing, such as "training 60 heads".
  let title: String
  /// Whether no head's epoch speaks for the run; else the last line stands at the end.
  let isSweep: Bool

  /// Takes the facts as they are.
  package init(title: String, isSweep: Bool) {
    self.title = title
    self.isSweep = isSweep
  }
}

/// Shows a run's events to a person or a program.
package struct ProgressReporter {
  private let isJSON: Bool
  private let terminal: Terminal?
  private let write: (String) -> Void
  private var meter: ProgressMeter
  private var table = EpochTable()
  private var line: StatusLine?
  private var phase: Phase?
  private var leftOut: [String] = []
  private let quiet: QuietProgress?
  private var lastLine = ""

  /// Shows events in `style`.
  ///
  /// - Parameters:
  ///   - terminal: the terminal that standard output is, nil for none.
  ///   - trainCount: training images an epoch, for the time that is left.
  ///   - quiet: what is shown instead of a line an epoch; nil for these lines.
  ///   - freshEpochs: how many epochs see images that no epoch before has seen.
  ///   - write: receives what goes to standard output, without a line break of its own. Text that it
  ///     does not take, as on a full disk or behind a pipe that was closed, is lost; the run goes
  ///     on.
  package init(
    style: ProgressStyle, terminal: Terminal?, trainCount: Int, quiet: QuietProgress? = nil,
    freshEpochs: Int = .max,
    write: @escaping (String) -> Void = { text in
      try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
  ) {
    isJSON = style == .json
    self.terminal = style == .auto ? terminal : nil
    self.write = write
    self.quiet = quiet
    meter = ProgressMeter(imagesPerEpoch: trainCount, freshEpochs: freshEpochs)
    line = self.terminal.map(StatusLine.init)
  }

  /// Shows one event.
  package mutating func show(_ event: TrainingEvent) {
    meter.record(event)
    if isJSON {
      if let line = MetricsLine.json(event) { write(line + "\n") }
    } else {
      showText(event)
    }
  }

  /// Takes the bar away, so that other text does not stand behind it.
  package mutating func close() {
    clear()
    if !lastLine.isEmpty { write(lastLine) }
    lastLine = ""
  }

  private mutating func clear() {
    phase?.end()
    phase = nil
    line?.clear()
  }

  private mutating func showText(_ event: TrainingEvent) {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      if completed > 0 {
        write("going on after step \(completed) of \(stepsPerEpoch * epochs)\n")
      }
      let epoch = stepsPerEpoch > 0 ? completed / stepsPerEpoch + 1 : 1
      if quiet != nil { return clear() }
      if epoch <= epochs { line?.show { meter.bar(epoch: epoch, loss: nil, width: $0) } }
    case .step(let epoch, let step, let images, _) where quiet != nil:
      showQuietly(epoch, step, images)
    case .step(let epoch, _, _, let loss):
      line?.show { meter.bar(epoch: epoch, loss: loss, width: $0) }
    case .validating(_, let done, let total): showPhase("validating", done, total)
    case .passing(let name, let done, let total): showPhase(name, done, total)
    case .epoch(let metrics, let seconds, let rate, let isBest):
      clear()
      if quiet != nil { table = EpochTable() }
      let text = table.text(
        metrics, of: meter.epochs, seconds: seconds, rate: rate, isBest: isBest,
        width: terminal?.lineWidth ?? EpochTable.width,
        repeatsHeader: terminal != nil)
      if let quiet {
        lastLine = quiet.isSweep ? "" : text
      } else {
        write(text)
      }
      showLeftOut(metrics.skipped)
    case .warning(let text):
      clear()
      write("warning: \(visible(text, except: []))\n")
    case .images(let tally):
      clear()
      if let sentence = tally.sentence { write(sentence + "\n") }
    case .checkpoint, .ranks: break
    }
  }

  private mutating func showPhase(_ name: String, _ done: Int, _ total: Int) {
    if done == 0 { clear() }
    let phase = phase ?? Phase(name, on: terminal)
    phase.update(done, of: total)
    self.phase = phase
  }

  /// The first epoch by its images, which may have to go through the backbone, the others together.
  private mutating func showQuietly(_ epoch: Int, _ step: Int, _ images: Int) {
    guard let quiet else { return }
    if epoch == 1 {
      if step == 1 { clear() }
      showPhase("\(quiet.title), first epoch", images, meter.imagesPerEpoch)
    } else if step == 1 || phase == nil {
      showPhase("\(quiet.title), epochs", epoch - 1, meter.epochs)
    }
  }

  /// Says once how many images are left out, and again where other ones are.
  private mutating func showLeftOut(_ paths: [String]) {
    defer { leftOut = paths }
    guard paths != leftOut else { return }
    let subject = paths.count == 1 ? "1 image was" : "\(paths.count) images were"
    write("\(subject) left out; metrics.jsonl names what is left out\n")
  }
}
