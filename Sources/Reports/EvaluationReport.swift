import FileIO
import Foundation
import Scoring
import Training

/// An evaluation as a table for a person or JSON for a program.
package struct EvaluationReport {
  private let result: EvaluationResult
  private let figures: ConfusionFigures
  private let temperature: Double?
  private let classes: [String]
  /// The names as they stand in the tables.
  private let names: [String]

  /// How many classes the confusion matrix is printed for; larger ones are in the JSON only.
  private static let matrixLimit = 20

  /// Puts names to the result's rows.
  ///
  /// - Parameter temperature: what logits were divided by; nil where they were not.
  package init(_ result: EvaluationResult, classes: [String], temperature: Double? = nil) {
    self.result = result
    self.classes = classes
    self.temperature = temperature
    figures = ConfusionFigures(confusion: result.confusion)
    names = classes.map(cell)
  }

  /// Loss, accuracy, further scores, a line a class and the confusion matrix.
  package var text: String {
    let metrics = result.metrics
    var lines = [
      String(format: "loss %.4f   accuracy %.4f   ", metrics.loss, metrics.accuracy)
        + "(\(metrics.correct) of \(metrics.count) images)"
    ]
    lines += scoreLines
    if !result.skipped.isEmpty {
      lines.append("left out: \(result.skipped.map(cell).joined(separator: ", "))")
    }
    lines += [""] + classTable
    if classes.count <= Self.matrixLimit { lines += [""] + matrix }
    return lines.joined(separator: "\n")
  }

  private var scoreLines: [String] {
    let scores = result.scores
    let interval = scores.accuracyInterval
    var lines = [
      String(format: "accuracy between %.4f and %.4f by 95 %%", interval.low, interval.high),
      String(
        format: "balanced accuracy %.4f   macro F1 %.4f", scores.balancedAccuracy, scores.macroF1)
        + (scores.topFive.map { String(format: "   top-5 accuracy %.4f", $0) } ?? ""),
      (scores.auc.map { String(format: "AUC %.4f   ", $0) } ?? "")
        + String(format: "calibration error %.4f", scores.calibrationError)
        + (temperature.map { String(format: "   at temperature %.4f", $0) } ?? ""),
    ]
    if !scores.aucLeftOut.isEmpty {
      lines.append(
        "AUC leaves out classes that have no images, or all: \(scores.aucLeftOut.count)")
    }
    return lines
  }

  /// For each class: images, recall (found of those there), precision (right of those named so) and
  /// their harmonic mean.
  private var classTable: [String] {
    let width = max(5, names.map(\.count).max() ?? 0)
    let header = "class".filled(to: width) + "  images   recall  precision     F1"
    return [header]
      + zip(names, figures.classes).map { name, figures in
        name.filled(to: width) + "\(figures.count)".filledLeft(to: 10)
          + share(figures.recall).filledLeft(to: 9) + share(figures.precision).filledLeft(to: 11)
          + share(figures.f1).filledLeft(to: 7)
      }
  }

  private var matrix: [String] {
    let width = max(6, names.map(\.count).max() ?? 0)
    let columns = names.map { max(5, $0.count) + 2 }
    let header = "true \\ predicted".filled(to: max(16, width))
    let first = header + zip(names, columns).map { $0.filledLeft(to: $1) }.joined()
    return [first]
      + classes.indices.map { row in
        names[row].filled(to: max(16, width))
          + zip(result.confusion[row], columns).map { "\($0)".filledLeft(to: $1) }.joined()
      }
  }

  private func share(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }

  /// One object: loss, accuracy, correct, count, classes, per_class, confusion, skipped and the scores.
  package var json: String {
    struct ClassLine: Encodable {
      let name: String
      let count: Int
      let recall, precision, f1: Double?
    }
    struct Document: Encodable {
      let loss: Double
      let accuracy: Double
      let correct: Int
      let count: Int
      let classes: [String]
      let perClass: [ClassLine]
      let confusion: [[Int]]
      let skipped: [String]
      let accuracyInterval: WilsonInterval
      let balancedAccuracy, macroF1, logLoss, calibrationError: Double
      let auc, top5Accuracy, temperature: Double?
      let aucLeftOut: [String]
    }
    let scores = result.scores
    let document = Document(
      loss: result.metrics.loss, accuracy: result.metrics.accuracy,
      correct: result.metrics.correct, count: result.metrics.count, classes: classes,
      perClass: zip(classes, figures.classes).map { name, figures in
        ClassLine(
          name: name, count: figures.count, recall: figures.recall, precision: figures.precision,
          f1: figures.f1)
      }, confusion: result.confusion, skipped: result.skipped,
      accuracyInterval: scores.accuracyInterval, balancedAccuracy: scores.balancedAccuracy,
      macroF1: scores.macroF1, logLoss: scores.logLoss, calibrationError: scores.calibrationError,
      auc: scores.auc, top5Accuracy: scores.topFive, temperature: temperature,
      aucLeftOut: scores.aucLeftOut.map { classes[$0] })
    return jsonLine(document)
  }
}
