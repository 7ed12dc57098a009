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

/// Shows a run's events to a person or a program.
package struct ProgressReporter {
  private let isJSON: Bool
  private let terminal: Terminal?
  private let write: (String) -> Void
  private var meter: ProgressMeter
  private var table = EpochTable()
  private var line: StatusLine?
  private var validation: Phase?
  private var leftOut: [String] = []

  /// Shows events in `style`.
  ///
  /// - Parameters:
  ///   - terminal: the terminal that standard output is, nil for none.
  ///   - trainCount: training images an epoch, for the time that is left.
  ///   - freshEpochs: how many epochs see images that no epoch before has seen.
  ///   - write: receives what goes to standard output, without a line break of its own. Text that it
  ///     does not take, as on a full disk or behind a pipe that was closed, is lost; the run goes
  ///     on.
  package init(
    style: ProgressStyle, terminal: Terminal?, trainCount: Int, freshEpochs: Int = .max,
    write: @escaping (String) -> Void = { text in
      try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
  ) {
    isJSON = style == .json
    self.terminal = style == .auto ? terminal : nil
    self.write = write
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
    validation?.end()
    validation = nil
    line?.clear()
  }

  private mutating func showText(_ event: TrainingEvent) {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      if completed > 0 {
        write("going on after step \(completed) of \(stepsPerEpoch * epochs)\n")
      }
      let epoch = stepsPerEpoch > 0 ? completed / stepsPerEpoch + 1 : 1
      if epoch <= epochs { line?.show { meter.bar(epoch: epoch, loss: nil, width: $0) } }
    case .step(let epoch, _, _, let loss):
      line?.show { meter.bar(epoch: epoch, loss: loss, width: $0) }
    case .validating(_, let done, let total):
      let phase = validation ?? Phase("validating", on: terminal)
      phase.update(done, of: total)
      validation = phase
    case .epoch(let metrics, let seconds, let rate, let isBest):
      close()
      write(
        table.text(
          metrics, of: meter.epochs, seconds: seconds, rate: rate, isBest: isBest,
          width: terminal?.lineWidth ?? EpochTable.width, repeatsHeader: terminal != nil))
      showLeftOut(metrics.skipped)
    case .warning(let text):
      close()
      write("warning: \(visible(text, except: []))\n")
    case .images(let tally):
      close()
      if let sentence = tally.sentence { write(sentence + "\n") }
    case .checkpoint: break
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
