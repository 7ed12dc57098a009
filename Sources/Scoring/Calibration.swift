import Head

/// The mean of `-log p[label]`, summed in the order of the images; nil of none.
///
/// - Precondition: there are as many `labels` as rows of `logits`, each a class.
package func logLoss(logits: [[Double]], labels: [Int]) -> Double? {
  precondition(logits.count == labels.count)
  return mean(
    zip(logits, labels).map { HeadArithmetic.crossEntropy(logits: $0, label: $1).loss })
}

/// The expected calibration error: images are put into 15 bins of equal width by the probability of
/// the likeliest class, those with a < p <= b into the bin from a to b; the mean over the images of
/// how far their bin's share of right predictions is from its mean probability (Guo, Pleiss, Sun and
/// Weinberger, "On calibration of modern neural networks", 2017). Nil of no image.
///
/// - Precondition: there are as many `labels` as rows, each a class.
package func calibrationError(probabilities: [[Double]], labels: [Int]) -> Double? {
  precondition(probabilities.count == labels.count)
  let count = 15
  var bins = [(right: Int, sum: Double, count: Int)](repeating: (0, 0, 0), count: count)
  for (row, label) in zip(probabilities, labels) {
    let predicted = row.firstLargest
    let bin = (0..<count - 1).first { row[predicted] <= Double($0 + 1) / Double(count) }
    bins[bin ?? count - 1].right += predicted == label ? 1 : 0
    bins[bin ?? count - 1].sum += row[predicted]
    bins[bin ?? count - 1].count += 1
  }
  guard !labels.isEmpty else { return nil }
  return bins.reduce(0) { $0 + abs(Double($1.right) - $1.sum) } / Double(labels.count)
}

extension [Double] {
  /// The index of the largest element, the first of equal ones.
  var firstLargest: Int { indices.dropFirst().reduce(0) { self[$1] > self[$0] ? $1 : $0 } }
}

/// One number that logits are divided by so that probabilities mean what they say.
package enum Temperature {
  /// The range in which one is looked for.
  package static let range = 0.05...20.0

  /// The temperature T with the least log-loss of the logits divided by T (Guo and others, 2017).
  ///
  /// The loss is convex in 1 / T; the zero of its derivative is found by Newton's method inside of a
  /// bracket, to a relative step of 1e-12, in sums of fixed order.
  ///
  /// - Returns: nil where the least loss is not inside of ``range``: without images, where all
  ///   predictions are right, and where they are no better than chance.
  /// - Precondition: there are as many `labels` as rows of `logits`, each a class.
  package static func fitted(logits: [[Double]], labels: [Int]) -> Double? {
    precondition(logits.count == labels.count)
    var (low, high) = (1 / range.upperBound, 1 / range.lowerBound)
    guard slopes(logits, labels, at: low).first < 0, slopes(logits, labels, at: high).first > 0
    else { return nil }
    var inverse = 1.0
    for _ in 0..<100 {
      let (first, second) = slopes(logits, labels, at: inverse)
      if first < 0 { low = inverse } else { high = inverse }
      let newton = inverse - first / second
      let next = newton > low && newton < high ? newton : (low + high) / 2
      let step = abs(next - inverse)
      inverse = next
      if step <= 1e-12 * inverse { break }
    }
    return 1 / inverse
  }

  /// The first two derivatives of the sum of losses by 1 / T: of each image the mean logit less its
  /// label's, and the logits' variance, both under the probabilities at T.
  private static func slopes(
    _ logits: [[Double]], _ labels: [Int], at inverse: Double
  ) -> (first: Double, second: Double) {
    zip(logits, labels).reduce(into: (0, 0)) { sums, image in
      let (row, label) = image
      let probabilities = HeadArithmetic.probabilities(logits: row.map { $0 * inverse })
      let centre = zip(probabilities, row).reduce(0) { $0 + $1.0 * $1.1 }
      sums.0 += centre - row[label]
      sums.1 += zip(probabilities, row).reduce(0) {
        $0 + $1.0 * ($1.1 - centre) * ($1.1 - centre)
      }
    }
  }
}
