import Foundation

/// What a model says about one picture.
public struct Prediction: Codable, Equatable, Sendable {
  /// The picture's name.
  public let image: String
  /// The class with the largest probability, the first of equal ones.
  public let predicted: String
  /// The probability of every class, by name.
  public let probabilities: [String: Double]
  /// The class names in the order of the model's outputs.
  let classes: [String]

  private enum CodingKeys: String, CodingKey { case image, predicted, probabilities, classes }

  /// Puts names to a model's outputs.
  ///
  /// - Precondition: `probabilities` has one value a class, at least one.
  public init(image: String, classes: [String], probabilities: [Double]) {
    self.image = image
    self.classes = classes
    let best = probabilities.indices.reduce(0) { probabilities[$1] > probabilities[$0] ? $1 : $0 }
    predicted = classes[best]
    self.probabilities = Dictionary(zip(classes, probabilities)) { first, _ in first }
  }

  /// The classes with their probabilities, the likeliest first; equal ones in the model's order.
  var ranked: [(name: String, probability: Double)] {
    classes.enumerated().map { ($0.offset, $0.element, probabilities[$0.element] ?? 0) }
      .sorted { ($1.2, $0.0) < ($0.2, $1.0) }
      .map { ($0.1, $0.2) }
  }

  /// One line of JSON with the keys image, predicted, probabilities and classes.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}

/// A number between 0 and 1 as percent with one digit; never 100.0 for what is less than 1.
func percent(_ share: Double) -> String {
  let rounded = (share * 1000).rounded() / 10
  return String(format: "%.1f", share < 1 ? min(rounded, 99.9) : rounded)
}

/// Predictions as a table for a terminal.
public enum PredictionTable {
  /// How many classes get a column of their own; with more, the likeliest few are listed.
  private static let columnLimit = 6

  /// The table, without a line break at the end.
  public static func text(_ predictions: [Prediction]) -> String {
    guard let first = predictions.first else { return "no pictures" }
    return first.classes.count <= columnLimit
      ? columns(predictions, first.classes) : ranking(predictions)
  }

  private static func columns(_ predictions: [Prediction], _ classes: [String]) -> String {
    let widths = classes.map { max($0.count + 2, 7) }
    let name = max(7, predictions.map(\.image.count).max() ?? 0)
    let header =
      "picture".filled(to: name) + zip(classes, widths).map { $0.filledLeft(to: $1 + 2) }.joined()
    let rows = predictions.map { prediction in
      prediction.image.filled(to: name)
        + zip(classes, widths).map { name, width in
          (percent(prediction.probabilities[name] ?? 0) + " %").filledLeft(to: width + 2)
        }.joined() + "   \(prediction.predicted)"
    }
    return ([header] + rows).joined(separator: "\n")
  }

  private static func ranking(_ predictions: [Prediction]) -> String {
    predictions.map { prediction in
      let best = prediction.ranked.prefix(3).map { "\($0.name) \(percent($0.probability)) %" }
      return "\(prediction.image)  \(best.joined(separator: ", "))"
    }.joined(separator: "\n")
  }
}

extension String {
  func filled(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
  func filledLeft(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}
