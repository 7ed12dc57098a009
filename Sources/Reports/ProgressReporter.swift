import Foundation
public import Training
import WeightFiles

/// How progress is shown.
public enum ProgressStyle: String, CaseIterable, Sendable {
  /// A bar on a terminal, plain lines elsewhere.
  case auto
  /// A line an epoch.
  case plain
  /// One JSON object an event, for other programs.
  case json
}

/// Shows a run's events to a person or a program, on standard output.
public struct ProgressReporter {
  private enum Mode { case bar, plain, json }

  private let mode: Mode
  private let write: (String) -> Void
  private var meter: ProgressMeter
  private var barIsOpen = false

  /// Shows events in `style`; `isTerminal` says whether standard output is one.
  ///
  /// - Parameters:
  ///   - trainCount: training pictures an epoch, for the time that is left.
  ///   - write: receives the text, without a line break of its own. Text that standard output does
  ///     not take, as on a full disk or behind a pipe that was closed, is lost; the run goes on.
  public init(
    style: ProgressStyle, isTerminal: Bool, trainCount: Int,
    write: @escaping (String) -> Void = { text in
      try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
  ) {
    mode =
      switch style {
      case .auto: isTerminal ? .bar : .plain
      case .plain: .plain
      case .json: .json
      }
    self.write = write
    meter = ProgressMeter(picturesPerEpoch: trainCount)
  }

  /// Shows one event.
  public mutating func show(_ event: TrainingEvent) {
    meter.record(event)
    switch mode {
    case .json: showJSON(event)
    case .bar: showBar(event)
    case .plain: showPlain(event)
    }
  }

  /// Ends the bar's line, so that other text does not stand behind it.
  public mutating func close() {
    if barIsOpen { write("\n") }
    barIsOpen = false
  }

  private mutating func showBar(_ event: TrainingEvent) {
    switch event {
    case .started: break
    case .step(let epoch, _, _, let meanLoss):
      replaceBar(with: meter.bar(epoch: epoch, loss: meanLoss))
    case .validating(let epoch):
      replaceBar(with: "epoch \(epoch)/\(meter.epochs)  validating …")
    case .epoch, .pictures, .warning:
      replaceBar(with: "")
      barIsOpen = false
      showPlain(event)
    case .checkpoint: break
    }
  }

  private mutating func replaceBar(with text: String) {
    // Without wrapping (DECAWM): what does not fit a narrow terminal is cut off, because a bar of two
    // lines could not be replaced.
    write("\r\u{1B}[K" + (text.isEmpty ? "" : "\u{1B}[?7l\(text)\u{1B}[?7h"))
    barIsOpen = !text.isEmpty
  }

  private func showPlain(_ event: TrainingEvent) {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      if completed > 0 {
        write("going on after step \(completed) of \(stepsPerEpoch * epochs)\n")
      }
    case .epoch(let metrics, let seconds, let rate, let isBest):
      write(EpochLine.text(metrics, of: meter.epochs, seconds: seconds, rate: rate, isBest: isBest))
    case .pictures(let tally):
      if let sentence = tally.sentence { write(sentence + "\n") }
    case .warning(let text):
      write("warning: \(visible(text))\n")
    case .step, .validating, .checkpoint: break
    }
  }

  private func showJSON(_ event: TrainingEvent) {
    guard let line = MetricsLine.json(event) else { return }
    write(line + "\n")
  }
}

/// The line that a person reads after each epoch.
enum EpochLine {
  static func text(
    _ metrics: EpochMetrics, of epochs: Int, seconds: Double, rate: Double, isBest: Bool
  ) -> String {
    let train = String(
      format: "train loss %.4f, accuracy %.3f", metrics.trainLoss, metrics.trainAccuracy)
    let validation = String(
      format: "validation loss %.4f, accuracy %.3f", metrics.validationLoss,
      metrics.validationAccuracy)
    let time = String(format: "%.1f s, %.1f pictures/s", seconds, rate)
    let skipped = metrics.skipped.isEmpty ? "" : ", \(metrics.skipped.count) pictures left out"
    return "epoch \(metrics.epoch)/\(epochs)  \(train)  \(validation)\(isBest ? " (best)" : "")"
      + "  [\(time)\(skipped)]\n"
  }
}
