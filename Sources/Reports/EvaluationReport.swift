import FileIO
import Foundation
import Training

/// An evaluation as a table for a person or JSON for a program.
package struct EvaluationReport {
  private let result: EvaluationResult
  private let classes: [String]
  /// The names as they stand in the tables.
  private let names: [String]

  /// How many classes the confusion matrix is printed for; larger ones are in the JSON only.
  private static let matrixLimit = 20

  /// Puts names to the result's rows.
  package init(_ result: EvaluationResult, classes: [String]) {
    self.result = result
    self.classes = classes
    names = classes.map(cell)
  }

  /// Loss, accuracy, a line a class and the confusion matrix.
  package var text: String {
    let metrics = result.metrics
    var lines = [
      String(format: "loss %.4f   accuracy %.4f   ", metrics.loss, metrics.accuracy)
        + "(\(metrics.correct) of \(metrics.count) images)"
    ]
    if !result.skipped.isEmpty {
      lines.append("left out: \(result.skipped.map(cell).joined(separator: ", "))")
    }
    lines += [""] + classTable
    if classes.count <= Self.matrixLimit { lines += [""] + matrix }
    return lines.joined(separator: "\n")
  }

  /// For each class: images, recall (found of those there) and precision (right of those named
  /// so).
  private var classTable: [String] {
    let width = max(5, names.map(\.count).max() ?? 0)
    let header = "class".filled(to: width) + "  images   recall  precision"
    return [header]
      + classes.indices.map { index in
        let (count, recall, precision) = measures(index)
        return names[index].filled(to: width) + "\(count)".filledLeft(to: 10)
          + share(recall).filledLeft(to: 9) + share(precision).filledLeft(to: 11)
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

  private func measures(_ index: Int) -> (count: Int, recall: Double?, precision: Double?) {
    let right = result.confusion[index][index]
    let there = result.confusion[index].reduce(0, +)
    let named = result.confusion.reduce(0) { $0 + $1[index] }
    return (
      there, there > 0 ? Double(right) / Double(there) : nil,
      named > 0 ? Double(right) / Double(named) : nil
    )
  }

  private func share(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }

  /// One object: loss, accuracy, correct, count, classes, per_class, confusion and skipped.
  package var json: String {
    struct ClassLine: Encodable {
      let name: String
      let count: Int
      let recall: Double?
      let precision: Double?
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
    }
    let document = Document(
      loss: result.metrics.loss, accuracy: result.metrics.accuracy,
      correct: result.metrics.correct, count: result.metrics.count, classes: classes,
      perClass: classes.indices.map { index in
        let (count, recall, precision) = measures(index)
        return ClassLine(name: classes[index], count: count, recall: recall, precision: precision)
      }, confusion: result.confusion, skipped: result.skipped)
    return jsonLine(document)
  }
}
