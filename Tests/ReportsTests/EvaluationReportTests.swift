import FileIO
import Foundation
import Head
import Testing

@testable import Reports
@testable import Training

/// The measures of a confusion matrix that was worked out by hand.
struct EvaluationReportTests {
  /// Of 8 "a" 6 are found and 2 taken for "b"; of 2 "b" one is; nothing is called "c", of which
  /// there is one; of "d" there is none and one is called so.
  private func report(_ classes: [String] = ["a", "b", "c", "d"]) -> EvaluationReport {
    var metrics = Metrics()
    (metrics.lossSum, metrics.correct, metrics.count) = (5.5, 7, 11)
    let confusion = [[6, 2, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    return EvaluationReport(
      EvaluationResult(
        metrics: metrics, confusion: confusion, skipped: ["x\n.jpg"], tally: ImageTally()),
      classes: classes)
  }

  @Test func recallAndPrecisionAreThoseOfTheMatrix() throws {
    let rows = report().text.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(rows[0].joined(separator: " ") == "loss 0.5000 accuracy 0.6364 (7 of 11 images)")
    #expect(rows[1].joined(separator: " ") == #"left out: x\u{a}.jpg"#)
    let table = rows.drop { $0.first != "class" }.dropFirst().prefix(4)
    #expect(
      table.map { $0.joined(separator: " ") } == [
        "a 8 0.750 0.857", "b 2 0.500 0.333", "c 1 0.000 -", "d 0 - 0.000",
      ])
    let matrix = rows.suffix(5).map { $0.joined(separator: " ") }
    #expect(
      matrix == [
        "true \\ predicted a b c d", "a 6 2 0 0", "b 1 1 0 0", "c 0 0 0 1", "d 0 0 0 0",
      ])
  }

  @Test func jsonHasTheSame() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report().json.utf8)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "loss", "accuracy", "correct", "count", "classes", "per_class", "confusion", "skipped",
      ])
    let lines = try #require(object["per_class"] as? [[String: Any]])
    #expect(lines.map { $0["recall"] as? Double } == [0.75, 0.5, 0, nil])
    #expect(lines.map { $0["precision"] as? Double } == [6 / 7, 1 / 3, nil, 0])
    #expect(lines.map { $0["count"] as? Int } == [8, 2, 1, 0])
    #expect(object["loss"] as? Double == 0.5)
  }
}
