import Head

/// What outputs and labels of some images say about a classifier. The same bits on every machine:
/// sums run in the order of the images, and exponentials and logarithms are the head's own.
package struct ClassifierScores: Codable, Equatable, Sendable {
  /// From how many classes ``topFive`` is there.
  package static let topFiveClasses = 6

  /// See ``ConfusionFigures/macroF1``.
  package let macroF1: Double
  /// See ``ConfusionFigures/balancedAccuracy``.
  package let balancedAccuracy: Double
  /// See ``logLoss(logits:labels:)``.
  package let logLoss: Double
  /// See ``AreasUnderROC/macro``.
  package let auc: Double?
  /// The classes that ``auc`` does not know, for lack of images of them or of others.
  package let aucLeftOut: [Int]
  /// See ``calibrationError(probabilities:labels:)``.
  package let calibrationError: Double
  /// The share of images whose label is among the five likeliest; nil below ``topFiveClasses``.
  package let topFive: Double?
  /// Where the accuracy lies by 95 %.
  package let accuracyInterval: WilsonInterval

  /// Scores of `logits`, one row an image.
  ///
  /// - Returns: nil of no image.
  /// - Precondition: there are as many `labels` as rows, each a class; each row has `classes` finite
  ///   values.
  package init?(logits: [[Double]], labels: [Int], classes: Int) {
    precondition(logits.count == labels.count && logits.allSatisfy { $0.count == classes })
    let probabilities = logits.map(HeadArithmetic.probabilities)
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    for (row, label) in zip(logits, labels) { confusion[label][row.firstLargest] += 1 }
    let figures = ConfusionFigures(confusion: confusion)
    guard let macroF1 = figures.macroF1, let balancedAccuracy = figures.balancedAccuracy,
      let logLoss = Scoring.logLoss(logits: logits, labels: labels),
      let error = Scoring.calibrationError(probabilities: probabilities, labels: labels)
    else { return nil }
    let areas = AreasUnderROC(probabilities: probabilities, labels: labels, classes: classes)
    self.macroF1 = macroF1
    self.balancedAccuracy = balancedAccuracy
    self.logLoss = logLoss
    auc = areas.macro
    aucLeftOut = areas.leftOut
    calibrationError = error
    topFive =
      classes < Self.topFiveClasses
      ? nil : topAccuracy(5, scores: logits, labels: labels)
    accuracyInterval = WilsonInterval(
      right: figures.classes.reduce(0) { $0 + $1.right }, of: labels.count)
  }
}
