import FileIO
import Foundation
import Scoring
import Training

/// The result of a sweep: its settings, the best first.
package struct SweepReport {
  /// One combination of settings.
  package struct Entry: Sendable {
    /// Its number, counted from 0.
    package let setting: Int
    /// The values of the options that were varied.
    package let values: [String]
    /// What its heads say about images that they had not seen.
    package let result: CrossValidation
    /// How the head that saw all training images does on the validation images; nil where its numbers
    /// left their range.
    package let validationAccuracy: Double?

    /// Whether no head of it has left the range of numbers.
    var hasResult: Bool { result.scores != nil && validationAccuracy != nil }

    /// An entry with its facts.
    package init(
      setting: Int, values: [String], result: CrossValidation, validationAccuracy: Double?
    ) {
      self.setting = setting
      self.values = values
      self.result = result
      self.validationAccuracy = validationAccuracy
    }
  }

  /// The options that were varied.
  let varied: [String]
  /// The entries, the best first; those without a result last.
  let entries: [Entry]
  /// What decides.
  let monitor: Monitor
  /// What one would type to train with the best settings alone.
  let commandLine: String

  /// The best entry; nil where none has a result.
  package var best: Entry? { entries.first(where: \.hasResult) }

  /// Ranks `entries` by `monitor` on the folds; of equal ones the lower log-loss, then the first.
  ///
  /// - Parameter best: the command line of a setting.
  package init(
    varied: [String], entries: [Entry], monitor: Monitor, best commandLine: (Int) -> String
  ) {
    self.varied = varied
    self.monitor = monitor
    func worth(_ entry: Entry) -> (Double, Double, Int) {
      guard let scores = entry.result.scores, entry.hasResult else {
        return (.infinity, .infinity, entry.setting)
      }
      switch monitor {
      case .accuracy: return (-entry.result.accuracy, scores.logLoss, entry.setting)
      case .loss: return (scores.logLoss, scores.logLoss, entry.setting)
      case .macroF1: return (-scores.macroF1, scores.logLoss, entry.setting)
      }
    }
    self.entries = entries.sorted { worth($0) < worth($1) }
    self.commandLine = self.entries.first.map { commandLine($0.setting) } ?? ""
  }

  /// How many settings the table on the screen shows.
  private static let shown = 15

  /// The table for a person, at most 79 columns where names and values are short.
  package var text: String {
    let widths = varied.indices.map { column in
      max(varied[column].count, entries.map { $0.values[column].count }.max() ?? 0)
    }
    let header =
      "    accuracy  95 % interval   log-loss  macro F1 "
      + zip(varied, widths).map { " " + $0.filledLeft(to: $1) }.joined()
    let lines = entries.prefix(Self.shown).enumerated().map { index, entry in
      let rank = "\(index + 1)".filledLeft(to: 3)
      let values = zip(entry.values, widths).map { " " + $0.filledLeft(to: $1) }.joined()
      guard let scores = entry.result.scores, entry.hasResult else {
        return rank + "  numbers left their range".filled(to: 46) + values
      }
      let interval = scores.accuracyInterval
      return rank
        + String(
          format: "     %.3f  %.3f to %.3f  %9.4f     %.3f ", entry.result.accuracy, interval.low,
          interval.high, scores.logLoss, scores.macroF1) + values
    }
    let folds = entries.first?.result.folds.count ?? 0
    let count = entries.first?.result.count ?? 0
    let rest = entries.count - lines.count
    return
      ([
        "\(entries.count) settings, by \(monitor.rawValue) on \(count) training images, each "
          + "predicted", "by a head that had not seen its fold of \(folds):", header,
      ] + lines
      + (rest > 0 ? ["and \(rest) more in \(Self.tableName)"] : []) + ["", conclusion])
      .joined(separator: "\n")
  }

  private var conclusion: String {
    guard let best else { return "no setting has a result" }
    let validation = best.validationAccuracy.map {
      String(format: "validation accuracy %.3f; ", $0)
    }
    return
      "best, trained on all training images: \(validation ?? "")the same alone:\n  \(commandLine)"
  }

  /// The names of ``files`` in a run's folder.
  package static let tableName = "sweep.csv"
  package static let pageName = "sweep.html"
  static let jsonName = "sweep.json"

  /// The files for the run's folder.
  package var files: [(name: String, text: String)] {
    [(Self.tableName, table), (Self.jsonName, json + "\n"), (Self.pageName, SweepPage(self).html)]
  }

  /// A table by RFC 4180, the best first.
  package var table: String {
    let columns = [
      "rank", "accuracy", "low", "high", "log_loss", "macro_f1", "spread", "validation_accuracy",
    ]
    return entries.enumerated().reduce(csvRecord(columns + varied)) { text, row in
      let (index, entry) = row
      let scores = entry.result.scores
      let numbers: [Double?] = [
        scores == nil ? nil : entry.result.accuracy, scores?.accuracyInterval.low,
        scores?.accuracyInterval.high, scores?.logLoss, scores?.macroF1,
        scores == nil ? nil : entry.result.spread, entry.validationAccuracy,
      ]
      return text
        + csvRecord(["\(index + 1)"] + numbers.map { $0.map { "\($0)" } ?? "" } + entry.values)
    }
  }

  /// One object: what decides, the best command line, and the settings, the best first.
  package var json: String {
    struct Line: Encodable {
      let settings: [String: String]
      let accuracy: Double?
      let low: Double?
      let high: Double?
      let logLoss: Double?
      let macroF1: Double?
      let folds: [CrossValidation.Fold]
      let validationAccuracy: Double?
    }
    struct Document: Encodable {
      let monitor: String
      let images: Int
      let commandLine: String
      let settings: [Line]
    }
    let lines = entries.map { entry in
      let scores = entry.result.scores
      return Line(
        settings: Dictionary(uniqueKeysWithValues: zip(varied, entry.values)),
        accuracy: scores == nil ? nil : entry.result.accuracy, low: scores?.accuracyInterval.low,
        high: scores?.accuracyInterval.high, logLoss: scores?.logLoss, macroF1: scores?.macroF1,
        folds: entry.result.folds, validationAccuracy: entry.validationAccuracy)
    }
    return jsonLine(
      Document(
        monitor: monitor.rawValue, images: entries.first?.result.count ?? 0,
        commandLine: commandLine, settings: lines))
  }
}
