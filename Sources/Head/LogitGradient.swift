extension HeadParameters {
  /// The gradient of one class's logit by the features: what one more of each adds to the logit, in
  /// double precision. A hidden unit takes part where it is above 0.
  ///
  /// - Precondition: `features` has `shape.features` values, and `label` is a class.
  package func logitGradient(of features: [Float], label: Int) -> [Double] {
    precondition(features.count == shape.features && (0..<shape.classes).contains(label))
    if shape.hidden == 0 {
      let weight = values[shape.range(of: .linearWeight)].dropFirst(label * shape.features)
      return weight.prefix(shape.features).map(Double.init)
    }
    let first = values[shape.range(of: .firstWeight)]
    let bias = values[shape.range(of: .firstBias)]
    let second = values[shape.range(of: .secondWeight)].dropFirst(label * shape.hidden)
    var gradient = [Double](repeating: 0, count: shape.features)
    for (unit, (weight, bias)) in zip(second.prefix(shape.hidden), bias).enumerated() {
      let row = first.dropFirst(unit * shape.features).prefix(shape.features)
      let sum = zip(row, features).reduce(Double(bias)) { $0 + Double($1.0) * Double($1.1) }
      guard sum > 0 else { continue }
      for (index, value) in row.enumerated() { gradient[index] += Double(weight) * Double(value) }
    }
    return gradient
  }
}
