import FileIO
import Foundation
import Head
import Scoring
import Testing

@testable import Reports
@testable import Training

/// The measures of a confusion matrix that was worked out by hand.
struct EvaluationReportTests {
  /// Of 8 "a" 6 are found and 2 taken for "b"; of 2 "b" one is; nothing is called "c", of which
  /// there is one; of "d" there is none and one is called so.
  private func report(
    _ classes: [String] = ["a", "b", "c", "d"], temperature: Double? = nil
  ) throws -> EvaluationReport {
    var metrics = Metrics()
    (metrics.lossSum, metrics.correct, metrics.count) = (5.5, 7, 11)
    var confusion = classes.map { _ in classes.map { _ in 0 } }
    for (row, counts) in [[6, 2, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]].enumerated() {
      confusion[row].replaceSubrange(..<4, with: counts)
    }
    let outputs = confusion.enumerated().flatMap { label, row in
      row.enumerated().flatMap { prediction, count in
        (0..<count).map { _ in
          (label: label, logits: row.indices.map { $0 == prediction ? 1.0 : 0 })
        }
      }
    }
    let scores = try #require(
      ClassifierScores(
        logits: outputs.map(\.logits), labels: outputs.map(\.label), classes: classes.count))
    return EvaluationReport(
      EvaluationResult(
        metrics: metrics, confusion: confusion, scores: scores, skipped: ["x\n.jpg"],
        tally: ImageTally()), classes: classes, temperature: temperature)
  }

  @Test func recallAndPrecisionAreThoseOfTheMatrix() throws {
    let rows = try report().text.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(rows[0].joined(separator: " ") == "loss 0.5000 accuracy 0.6364 (7 of 11 images)")
    #expect(
      rows[1...4].map { $0.joined(separator: " ") } == [
        "accuracy between 0.3538 and 0.8483 by 95 %",
        "balanced accuracy 0.4167 macro F1 0.3000", "AUC 0.6157 calibration error 0.1610",
        "AUC leaves out classes that have no images, or all: 1",
      ])
    #expect(rows[5].joined(separator: " ") == #"left out: x\u{a}.jpg"#)
    let table = rows.drop { $0.first != "class" }.dropFirst().prefix(4)
    #expect(
      table.map { $0.joined(separator: " ") } == [
        "a 8 0.750 0.857 0.800", "b 2 0.500 0.333 0.400", "c 1 0.000 - 0.000",
        "d 0 - 0.000 0.000",
      ])
    let matrix = rows.suffix(5).map { $0.joined(separator: " ") }
    #expect(
      matrix == [
        "true \\ predicted a b c d", "a 6 2 0 0", "b 1 1 0 0", "c 0 0 0 1", "d 0 0 0 0",
      ])
  }

  @Test func jsonHasTheSame() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report(temperature: 2).json.utf8))
        as? [String: Any])
    #expect(
      Set(object.keys) == [
        "loss", "accuracy", "correct", "count", "classes", "per_class", "confusion", "skipped",
        "accuracy_interval", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error",
        "auc",
        "auc_left_out", "temperature",
      ])
    #expect(object["auc_left_out"] as? [String] == ["d"])
    #expect(object["temperature"] as? Double == 2)
    let lines = try #require(object["per_class"] as? [[String: Any]])
    #expect(lines.map { $0["recall"] as? Double } == [0.75, 0.5, 0, nil])
    #expect(lines.map { $0["precision"] as? Double } == [6 / 7, 1 / 3, nil, 0])
    #expect(lines.map { $0["f1"] as? Double } == [0.8, 0.4, 0, 0])
    #expect(lines.map { $0["count"] as? Int } == [8, 2, 1, 0])
    #expect(object["loss"] as? Double == 0.5)
  }

  @Test func linesAreNoWiderThanATerminal() throws {
    let classes = (1...7).map { "class \($0)" }
    let rows = try report(classes, temperature: 1.5).text.split(separator: "\n")
    #expect(rows.prefix(5).allSatisfy { $0.count < 80 })
    #expect(rows[2].contains("top-5 accuracy"))
    #expect(rows[3].hasSuffix("at temperature 1.5000"))
  }
}
