@testable import Head

extension LabelledFeatures {
  /// Vectors with their labels; the index of each is its position.
  init(_ features: [[Float]], labels: [Int]) {
    self.init()
    for (index, (vector, label)) in zip(features, labels).enumerated() {
      append(vector, label: label, index: index)
    }
  }
}

extension ExactGradient {
  mutating func add(features: [[Float]], labels: [Int], at parameters: HeadParameters) {
    add(LabelledFeatures(features, labels: labels), at: parameters)
  }
}
