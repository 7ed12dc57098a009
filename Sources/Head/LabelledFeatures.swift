/// Feature vectors with their labels, as gradients are summed over them.
package struct LabelledFeatures: Equatable, Sendable {
  /// The vectors, one behind the other: [samples, features].
  package var values: [Float] = []
  /// The class of each.
  package var labels: [Int] = []
  /// The index of each one's image among the training images, which keys what is drawn for it.
  package var indices: [Int] = []

  /// Nothing yet.
  package init() {}

  /// How many there are.
  package var count: Int { labels.count }

  /// Adds one.
  package mutating func append(_ features: some Sequence<Float>, label: Int, index: Int) {
    values += features
    labels.append(label)
    indices.append(index)
  }

  /// Those whose index passes `isIncluded`.
  package func filter(_ isIncluded: (Int) -> Bool) -> LabelledFeatures {
    let width = count == 0 ? 0 : values.count / count
    var result = LabelledFeatures()
    result.values.reserveCapacity(values.count)
    for sample in 0..<count where isIncluded(indices[sample]) {
      result.append(
        values[sample * width..<(sample + 1) * width], label: labels[sample],
        index: indices[sample])
    }
    return result
  }
}
