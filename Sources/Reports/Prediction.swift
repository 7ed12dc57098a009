import FileIO
import Foundation
import Head

/// The classes of a model, made ready once for any number of predictions.
package struct ClassNames: Sendable {
  /// The names in the order of the model's outputs.
  let names: [String]
  /// `names` as a JSON array.
  let json: String
  /// Each name as a key of a JSON object with its index, sorted; of equal names the first.
  let keys: [(key: String, index: Int)]

  /// Makes the names ready.
  package init(_ names: [String]) {
    self.names = names
    let quoted = names.map(jsonText)
    json = "[\(quoted.joined(separator: ","))]"
    var seen: Set<String> = []
    keys = quoted.enumerated().filter { seen.insert($0.element).inserted }
      .map { ($0.element, $0.offset) }.sorted { $0.0 < $1.0 }
  }
}

/// What a model says about one image.
package struct Prediction: Sendable {
  /// The image's name.
  package let image: String
  let classes: ClassNames
  /// The probability of every class.
  let probabilities: [Double]

  /// Puts names to a model's outputs.
  ///
  /// - Precondition: `probabilities` has one value a class, at least one.
  package init(image: String, classes: ClassNames, probabilities: [Double]) {
    precondition(probabilities.count == classes.names.count && !probabilities.isEmpty)
    self.image = image
    self.classes = classes
    self.probabilities = probabilities
  }

  /// The class with the largest probability, the first of equal ones.
  package var predicted: String { top(1)[0].name }

  /// The likeliest classes, at most `count` of them, the likeliest first; equal ones in the model's
  /// order.
  func top(_ count: Int) -> [(name: String, probability: Double)] {
    likeliest(count).map { (classes.names[$0], probabilities[$0]) }
  }

  private func likeliest(_ count: Int) -> [Int] {
    var best: [Int] = []
    for index in probabilities.indices {
      if best.count == count, probabilities[index] <= probabilities[best[count - 1]] { continue }
      let position = best.firstIndex { probabilities[$0] < probabilities[index] } ?? best.count
      best.insert(index, at: position)
      if best.count > count { best.removeLast() }
    }
    return best
  }

  /// One line of JSON with the keys image, predicted, probabilities and classes.
  ///
  /// - Parameter top: how many of the likeliest classes are in it, in that order; nil for all, in the
  ///   model's.
  package func json(top: Int? = nil) -> String {
    let likeliest = top.map(likeliest)
    let names = likeliest.map {
      "[\($0.map { jsonText(classes.names[$0]) }.joined(separator: ","))]"
    }
    var json = "{\"classes\":\(names ?? classes.json),\"image\":\(jsonText(image)),"
    json += "\"predicted\":\(jsonText(predicted)),\"probabilities\":{"
    let keys =
      likeliest.map { chosen in classes.keys.filter { chosen.contains($0.index) } } ?? classes.keys
    for (position, (key, index)) in keys.enumerated() {
      if position > 0 { json += "," }
      json += key
      json += ":"
      // A damaged head may give anything.
      json += probabilities[index].isFinite ? probabilities[index].description : "null"
    }
    return json + "}}"
  }
}

/// The line of JSON of an image that cannot be used, with the keys image and error.
package func failureJSON(image: String, error: String) -> String {
  "{\"error\":\(jsonText(error)),\"image\":\(jsonText(image))}"
}

/// A number between 0 and 1 as percent with one digit; never 100.0 for what is less than 1.
func percent(_ share: Double) -> String {
  let rounded = (share * 1000).rounded() / 10
  return String(format: "%.1f", share < 1 ? min(rounded, 99.9) : rounded)
}

/// Predictions as a table for a terminal, row by row: the widths are known from the start.
package struct PredictionTable: Sendable {
  /// How many classes get a column of their own; with more, the likeliest few are listed.
  private static let columnLimit = 6

  private let classes: [String]
  private let nameWidth: Int
  private let hasColumns: Bool
  private let top: Int

  /// A table of the images called `names`.
  ///
  /// - Parameter top: how many of the likeliest classes are listed; nil for a column for each class,
  ///   as long as there are few.
  package init(names: [String], classes: ClassNames, top: Int? = nil) {
    hasColumns = top == nil && classes.names.count <= Self.columnLimit
    self.top = top ?? 3
    self.classes = hasColumns ? classes.names.map(cell) : []
    nameWidth = hasColumns ? max(7, names.lazy.map { cell($0).count }.max() ?? 0) : 0
  }

  /// The first line; nil where the columns speak for themselves.
  package var header: String? {
    guard hasColumns else { return nil }
    return "image".filled(to: nameWidth)
      + zip(classes, widths).map { $0.filledLeft(to: $1) }.joined()
  }

  /// The line of an image.
  package func row(_ prediction: Prediction) -> String {
    guard hasColumns else {
      let best = prediction.top(top).map { "\(cell($0.name)) \(percent($0.probability)) %" }
      return "\(cell(prediction.image))  \(best.joined(separator: ", "))"
    }
    let shares = zip(prediction.probabilities, widths).map { share, width in
      "\(percent(share)) %".filledLeft(to: width)
    }
    return cell(prediction.image).filled(to: nameWidth) + shares.joined()
      + "   \(cell(prediction.predicted))"
  }

  /// The line of an image that cannot be used.
  package func row(failed image: String, _ reason: String) -> String {
    "\(cell(image).filled(to: nameWidth))  \(cell(reason))"
  }

  private var widths: [Int] { classes.map { max($0.count + 2, 7) + 2 } }
}

/// `text` as it may stand in a line of a table: what would begin another line or column is shown by
/// its number, too.
func cell(_ text: String) -> String { visible(text, except: ["\u{200c}", "\u{200d}"]) }

extension String {
  func filled(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
  func filledLeft(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}
