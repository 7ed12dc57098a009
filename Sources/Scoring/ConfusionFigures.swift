/// What a confusion matrix says about each class and about all, by the definitions of scikit-learn
/// (`precision_recall_fscore_support`, `f1_score`, `balanced_accuracy_score`).
package struct ConfusionFigures: Equatable, Sendable {
  /// One class against all others.
  package struct Class: Equatable, Sendable {
    /// How many images have this label.
    package let count: Int
    /// How many images were taken for this class.
    package let predicted: Int
    /// How many of them rightly.
    package let right: Int

    /// The share found of those there; nil where there are none.
    package var recall: Double? { count > 0 ? Double(right) / Double(count) : nil }
    /// The share right of those named so; nil where there are none.
    package var precision: Double? { predicted > 0 ? Double(right) / Double(predicted) : nil }
    /// The harmonic mean of both, 0 where one of them is missing; nil where both are.
    package var f1: Double? {
      count + predicted > 0 ? 2 * Double(right) / Double(count + predicted) : nil
    }
  }

  /// The classes, in the matrix's order.
  package let classes: [Class]

  /// Figures of `confusion[label][prediction]`, counts of images.
  ///
  /// - Precondition: the matrix is square.
  package init(confusion: [[Int]]) {
    precondition(confusion.allSatisfy { $0.count == confusion.count })
    var predicted = [Int](repeating: 0, count: confusion.count)
    for row in confusion { for (index, count) in row.enumerated() { predicted[index] += count } }
    classes = confusion.indices.map {
      Class(
        count: confusion[$0].reduce(0, +), predicted: predicted[$0], right: confusion[$0][$0])
    }
  }

  /// The mean F1 of the classes that have an image or a prediction; nil where none has.
  package var macroF1: Double? { mean(classes.compactMap(\.f1)) }
  /// The mean recall of the classes that have images; nil where none has.
  package var balancedAccuracy: Double? { mean(classes.compactMap(\.recall)) }
}

/// The mean, summed in order; nil of nothing.
func mean(_ values: [Double]) -> Double? {
  values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}
