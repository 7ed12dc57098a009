import FileIO

/// Predictions as a file for other programs, record by record: ``head``, and one for each image.
package struct PredictionFile: Sendable {
  /// What stands in it.
  package enum Format: String, CaseIterable, Sendable {
    /// A table by RFC 4180.
    case csv
    /// An object a line, as ``Prediction/json(top:)`` writes it.
    case jsonl
  }

  private let format: Format
  private let classes: ClassNames
  private let top: Int?

  /// - Parameter top: how many of the likeliest classes are in it; nil for all.
  package init(_ format: Format, classes: ClassNames, top: Int?) {
    self.format = format
    self.classes = classes
    self.top = top.map { min($0, classes.names.count) }
  }

  /// What stands before the first record.
  ///
  /// Of a table the columns: `image`, `error` and `predicted`, then one for each class with its
  /// probability, or `class_1`, `probability_1` and so on for the likeliest.
  package var head: String {
    guard format == .csv else { return "" }
    let columns =
      top.map { count in
        (1...count).flatMap { ["class_\($0)", "probability_\($0)"] }
      } ?? classes.names
    return csvRecord(["image", "error", "predicted"] + columns)
  }

  /// The record of an image.
  package func record(_ prediction: Prediction) -> String {
    guard format == .csv else { return prediction.json(top: top) + "\n" }
    let fields =
      top.map { count in
        prediction.top(count).flatMap { [$0.name, Self.number($0.probability)] }
      } ?? prediction.probabilities.map(Self.number)
    return csvRecord([prediction.image, "", prediction.predicted] + fields)
  }

  /// The record of an image that cannot be used.
  package func record(failed image: String, _ error: String) -> String {
    guard format == .csv else { return failureJSON(image: image, error: error) + "\n" }
    let count = top.map { 2 * $0 } ?? classes.names.count
    return csvRecord([image, error, ""] + Array(repeating: "", count: count))
  }

  /// A damaged head may give anything; what is no number is left empty.
  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "" }
}
