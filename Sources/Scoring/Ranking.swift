/// The share of images whose label is among the `count` likeliest classes. Of equal probabilities the
/// first class counts as likelier, as everywhere in this program (scikit-learn's
/// `top_k_accuracy_score` takes the last).
///
/// - Parameter scores: probabilities or logits of each image, one a class.
/// - Precondition: there are as many `labels` as `scores`, each a class; there is at least one.
package func topAccuracy(_ count: Int, scores: [[Double]], labels: [Int]) -> Double {
  precondition(scores.count == labels.count && !labels.isEmpty)
  let hits = zip(scores, labels).count { row, label in
    row.indices.count { row[$0] > row[label] || (row[$0] == row[label] && $0 < label) } < count
  }
  return Double(hits) / Double(labels.count)
}

/// Areas under the receiver operating characteristic, each class against all others: the probability
/// that an image of the class gets more of the class's probability than another image, a tie
/// counting half (Mann and Whitney, "On a test of whether one of two random variables is
/// stochastically larger than the other", 1947). As whole numbers of halves, so ties are exact.
package struct AreasUnderROC: Equatable, Sendable {
  /// The area of each class; nil where it has no images, or all.
  package let classes: [Double?]

  /// - Parameter probabilities: of each image, one a class.
  /// - Precondition: there are as many `labels` as rows, each a class.
  package init(probabilities: [[Double]], labels: [Int], classes count: Int) {
    precondition(probabilities.count == labels.count)
    classes = (0..<count).map { area(of: $0, probabilities, labels) }
  }

  /// The mean of the classes that have one, as scikit-learn's
  /// `roc_auc_score(multi_class="ovr", average="macro")`; of two classes the second one's. Nil where
  /// there is none.
  package var macro: Double? { classes.count == 2 ? classes[1] : mean(classes.compactMap(\.self)) }

  /// The classes that have no area and are left out of ``macro``.
  package var leftOut: [Int] { classes.indices.filter { classes[$0] == nil } }
}

private func area(of index: Int, _ probabilities: [[Double]], _ labels: [Int]) -> Double? {
  let positives = labels.indices.filter { labels[$0] == index }.map { probabilities[$0][index] }
    .sorted()
  let negatives = labels.count - positives.count
  guard !positives.isEmpty, negatives > 0 else { return nil }
  var halves = 0
  for (row, label) in zip(probabilities, labels) where label != index {
    let notLarger = positives.partitionIndex { $0 > row[index] }
    let smaller = positives.partitionIndex { $0 >= row[index] }
    halves += 2 * (positives.count - notLarger) + (notLarger - smaller)
  }
  return Double(halves) / Double(2 * positives.count * negatives)
}

extension [Double] {
  /// The index of the first element that is in `second`, where all such stand behind the others.
  fileprivate func partitionIndex(_ second: (Double) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if second(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
