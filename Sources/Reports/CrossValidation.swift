import FileIO
import Foundation
import Head
import ImageData
import Scoring
import Training

/// What the predictions of heads for images that they had not seen say about a setting.
package struct CrossValidation: Sendable {
  /// How many of the images of a fold were predicted right.
  package struct Fold: Codable, Equatable, Sendable {
    package var right = 0
    package var count = 0

    /// The share predicted right; 0 of none.
    package var accuracy: Double { count == 0 ? 0 : Double(right) / Double(count) }
  }

  /// The folds, in order.
  package let folds: [Fold]
  /// The positions of the predicted images among the training images.
  package let indices: [Int]
  /// The logits of each.
  package let logits: [[Double]]
  /// The class of each.
  package let labels: [Int]
  /// The measures over all of them; nil where nothing was predicted, or a head's numbers left their
  /// range.
  package let scores: ClassifierScores?

  /// Judges `predictions` of the training images of `manifest`, whose folds are `folds`.
  package init(_ predictions: OutOfSample, _ manifest: DatasetManifest, _ folds: [Int]) {
    var results = [Fold](repeating: Fold(), count: 1 + (folds.max() ?? 0))
    let found = manifest.train.indices.compactMap { index in
      predictions[index].map { (index: index, logits: $0) }
    }
    indices = found.map(\.index)
    logits = found.map(\.logits)
    labels = indices.map { manifest.train[$0].label }
    for (index, logits) in found {
      results[folds[index]].count += 1
      if predictedClass(ofLogits: logits) == manifest.train[index].label {
        results[folds[index]].right += 1
      }
    }
    self.folds = results
    scores =
      predictions.isComplete
      ? ClassifierScores(logits: logits, labels: labels, classes: manifest.classes.count) : nil
  }

  /// How many images were predicted right, and how many there were.
  package var right: Int { folds.reduce(0) { $0 + $1.right } }
  package var count: Int { folds.reduce(0) { $0 + $1.count } }

  /// The share of all images predicted right; 0 of none.
  package var accuracy: Double { count == 0 ? 0 : Double(right) / Double(count) }

  /// The standard deviation of the folds' accuracies (dividing by one less than there are).
  package var spread: Double {
    let mean = folds.reduce(0) { $0 + $1.accuracy } / Double(folds.count)
    let squares = folds.reduce(0) { $0 + ($1.accuracy - mean) * ($1.accuracy - mean) }
    return (squares / Double(max(1, folds.count - 1))).squareRoot()
  }

  /// What calibrates a head with these settings; nil where nothing does.
  package var temperature: Double? { Temperature.fitted(logits: logits, labels: labels) }

  /// Two lines for a person.
  package var text: String {
    guard let scores else {
      return "cross-validation: the numbers of a fold's head left their range; lower --lr"
    }
    return String(
      format: """
        %d folds, each image predicted by a head that had not seen it: accuracy %.3f
        (95 %% between %.3f and %.3f; folds %.3f to %.3f, spread %.3f), macro F1 %.3f
        """,
      folds.count, accuracy, scores.accuracyInterval.low, scores.accuracyInterval.high,
      folds.map(\.accuracy).min() ?? 0, folds.map(\.accuracy).max() ?? 0, spread, scores.macroF1)
  }

  /// The same as an event for another program.
  package var json: String {
    struct Line: Encodable {
      let event = "folds"
      let accuracy: Double
      let low, high, logLoss, macroF1: Double?
      let folds: [Fold]
    }
    return jsonLine(
      Line(
        accuracy: accuracy, low: scores?.accuracyInterval.low, high: scores?.accuracyInterval.high,
        logLoss: scores?.logLoss, macroF1: scores?.macroF1, folds: folds))
  }

  /// The predictions as ``OutOfSampleFile`` has them.
  package func table(_ manifest: DatasetManifest, _ folds: [Int]) -> String {
    var text = OutOfSampleFile.head(classes: manifest.classes)
    for (index, logits) in zip(indices, logits) {
      let sample = manifest.train[index]
      text += OutOfSampleFile.record(
        image: sample.path, label: manifest.classes[sample.label], fold: folds[index],
        probabilities: probabilities(ofLogits: logits))
    }
    return text
  }
}
