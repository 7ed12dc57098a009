/// Labels that are probably wrong, found from what models say about images they were not trained on:
/// confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
/// Dataset Labels", Journal of Artificial Intelligence Research 70, 2021).
///
/// The result is that of cleanlab's `find_label_issues(labels, pred_probs,
/// filter_by="prune_by_noise_rate", return_indices_ranked_by="self_confidence")` with a stable sort. Its
/// own choice among equal numbers depends on the processor, as NumPy's sorting does.
package struct ConfidentLearning: Equatable, Sendable {
  /// The mean probability of a class among the images labelled so, from which an image counts as one
  /// of it; nil of a class without images.
  package let thresholds: [Double?]
  /// The confident joint: `joint[label][class]` is how many images with a label count as a class.
  /// Each class is taken to have one right image at least.
  package let joint: [[Int]]
  /// ``joint`` scaled to the number of images of each label and rounded to whole images.
  package let calibratedJoint: [[Int]]
  /// The probability of the given label of each image.
  package let selfConfidence: [Double]
  /// The normalized margin of each image: (1 + the label's probability - the largest of the
  /// others') / 2.
  package let margins: [Double]
  /// The likeliest class of each image, the first of equal ones.
  package let likeliest: [Int]
  /// The images whose labels are probably wrong, by ``selfConfidence``, the least first.
  package let issues: [Int]

  /// Probabilities that differ by less are taken for equal.
  private static let tolerance = 1e-6

  /// Looks through the labels of images.
  ///
  /// - Parameter probabilities: of each image, one a class, by a model that has not seen it.
  /// - Precondition: there are as many `labels` as rows, each a class; each row has as many values as
  ///   there are classes, two at least.
  package init(probabilities: [[Double]], labels: [Int], classes: Int) {
    precondition(probabilities.count == labels.count && classes > 1)
    precondition(probabilities.allSatisfy { $0.count == classes })
    precondition(labels.allSatisfy { (0..<classes).contains($0) })
    let images = (0..<classes).map { index in labels.indices.filter { labels[$0] == index } }
    thresholds = images.enumerated().map { index, images in
      let own = images.map { probabilities[$0][index] }
      return own.isEmpty ? nil : pairwiseSum(own[...]) / Double(own.count)
    }
    likeliest = probabilities.map(\.firstLargest)
    joint = Self.joint(probabilities, labels, thresholds: thresholds, likeliest: likeliest)
    calibratedJoint = Self.calibrated(joint, counts: images.map(\.count))
    let confidence = zip(probabilities, labels).map { $0[$1] }
    margins = zip(probabilities, labels).map { row, label in
      let others = row.indices.lazy.filter { $0 != label }.map { row[$0] }
      return (row[label] - (others.max() ?? 0) + 1) / 2
    }
    selfConfidence = confidence
    let excess = Self.excess(of: calibratedJoint)
    let issues = images.indices.flatMap { label in
      Self.pruned(label, images: images[label], probabilities, counts: excess[label])
    }
    self.issues = issues.filter { Self.contradicts(probabilities[$0], label: labels[$0]) }
      .sorted { (confidence[$0], $0) < (confidence[$1], $1) }
  }

  /// The share of wrong labels that ``calibratedJoint`` stands for; 0 of no image.
  package var errorShare: Double {
    let right = calibratedJoint.indices.reduce(0) { $0 + calibratedJoint[$1][$1] }
    return selfConfidence.isEmpty ? 0 : 1 - Double(right) / Double(selfConfidence.count)
  }

  /// Counts the images that reach a class's threshold: of one class as that, of several as the
  /// likeliest class of all.
  private static func joint(
    _ probabilities: [[Double]], _ labels: [Int], thresholds: [Double?], likeliest: [Int]
  ) -> [[Int]] {
    let classes = thresholds.indices
    var joint = classes.map { _ in classes.map { _ in 0 } }
    for (image, row) in probabilities.enumerated() {
      let reached = classes.filter { index in
        thresholds[index].map { row[index] >= max($0, 2 * tolerance) - tolerance } ?? false
      }
      guard let first = reached.first else { continue }
      joint[labels[image]][reached.count > 1 ? likeliest[image] : first] += 1
    }
    for index in classes { joint[index][index] = max(1, joint[index][index]) }
    return joint
  }

  /// Scales each row to the number of images with its label, and rounds.
  private static func calibrated(_ joint: [[Int]], counts: [Int]) -> [[Int]] {
    let scaled = zip(joint, counts).map { row, count in
      row.map { Double($0) / Double(row.reduce(0, +)) * Double(count) }
    }
    // The number of images up to rounding. Whole rows may hang on it, as halves are rounded.
    let total = pairwiseSum(joint.indices.flatMap { column in scaled.map { $0[column] } }[...])
    let images = Double(counts.reduce(0, +))
    return scaled.map { row in
      rounded(images > 0 ? row.map { $0 / total * images } : row)
    }
  }

  /// How many images of each label to take for each other class, at most: what ``calibratedJoint``
  /// says, and one less where it leaves no right image.
  private static func excess(of joint: [[Int]]) -> [[Int]] {
    joint.enumerated().map { index, row in
      let missing = row[index] == 0 ? 1 : 0
      return row.enumerated().map { $0 == index ? 0 : max(0, $1 - missing) }
    }
  }

  /// The images of a label that speak for another class most: for each class as many as `counts`
  /// says.
  private static func pruned(
    _ label: Int, images: [Int], _ probabilities: [[Double]], counts: [Int]
  ) -> Set<Int> {
    guard images.count > 1 else { return [] }
    return counts.enumerated().reduce(into: []) { found, entry in
      let (other, count) = entry
      guard count > 0 else { return }
      let ordered = images.map { (-(probabilities[$0][other] - probabilities[$0][label]), $0) }
        .sorted { $0 < $1 }
      found.formUnion(ordered.prefix(count).map(\.1))
    }
  }

  /// Whether another class is likelier than the label by more than the tolerance.
  private static func contradicts(_ row: [Double], label: Int) -> Bool {
    var row = row
    row[label] += tolerance
    return row.firstLargest != label
  }
}
