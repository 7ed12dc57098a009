import Tensors

/// The trained numbers of a head.
package struct HeadParameters: Equatable, Sendable {
  /// The widths.
  package let shape: HeadShape
  /// All values: the tensors of ``HeadTensor`` in order, each row-major.
  package var values: [Float]

  /// Parameters from their values.
  ///
  /// - Precondition: `values.count` is `shape.parameterCount`.
  package init(shape: HeadShape, values: [Float]) {
    precondition(values.count == shape.parameterCount)
    self.shape = shape
    self.values = values
  }

  /// Parameters from the four tensors, as a checkpoint or a state_dict names them; `tensor` returns
  /// nil for a name that it does not have.
  ///
  /// - Throws: ``HeadError`` where a tensor is missing, shapes do not fit together, or a value is
  ///   not finite.
  package init(tensor: (_ name: String) throws(HeadError) -> Tensor<Float>?) throws(HeadError) {
    var found: [HeadTensor: Tensor<Float>] = [:]
    for part in HeadTensor.allCases {
      guard let value = try tensor(part.rawValue) else {
        throw .tensor(name: part.rawValue, reason: "is missing")
      }
      found[part] = value
    }
    let shape = try Self.shape(of: found)
    var values: [Float] = []
    values.reserveCapacity(shape.parameterCount)
    for part in HeadTensor.allCases {
      guard let value = found[part], value.shape == shape.shape(of: part) else {
        throw .tensor(
          name: part.rawValue,
          reason: "has the shape \(found[part]?.shape ?? []), not \(shape.shape(of: part))")
      }
      guard value.values.allSatisfy(\.isFinite) else {
        throw .tensor(name: part.rawValue, reason: "holds a value that is not finite")
      }
      values += value.values
    }
    self.init(shape: shape, values: values)
  }

  /// The widths that the two weights agree with.
  private static func shape(of found: [HeadTensor: Tensor<Float>]) throws(HeadError) -> HeadShape {
    let first = found[.firstWeight]?.shape ?? []
    let second = found[.secondWeight]?.shape ?? []
    guard first.count == 2 else {
      throw .tensor(
        name: HeadTensor.firstWeight.rawValue, reason: "has \(first.count) dimensions, not 2")
    }
    guard second.count == 2 else {
      throw .tensor(
        name: HeadTensor.secondWeight.rawValue, reason: "has \(second.count) dimensions, not 2")
    }
    return try HeadShape(features: first[1], hidden: first[0], classes: second[0])
  }

  /// One tensor, with its shape.
  package func tensor(_ part: HeadTensor) -> Tensor<Float> {
    Tensor(shape: shape.shape(of: part), values: Array(values[shape.range(of: part)]))
  }

  /// Whether every value is finite.
  package var isFinite: Bool { values.allSatisfy(\.isFinite) }
}

extension HeadParameters {
  /// The logits of each feature vector, in float arithmetic in the first layer and double in the
  /// second. They never depend on which samples are computed together.
  ///
  /// - Precondition: each vector has `shape.features` values.
  package func logits(of features: [[Float]]) -> [[Double]] {
    arithmetic.logits(parameters: values, inputs: features)
  }

  package var arithmetic: HeadArithmetic {
    HeadArithmetic(features: shape.features, hidden: shape.hidden, classes: shape.classes)
  }
}

/// The softmax of `logits`: probabilities that sum to 1.
///
/// - Precondition: `logits` is not empty.
package func probabilities(ofLogits logits: [Double]) -> [Double] {
  HeadArithmetic.probabilities(logits: logits)
}

/// The class with the largest logit, the first of equal ones.
///
/// - Precondition: `logits` is not empty.
package func predictedClass(ofLogits logits: [Double]) -> Int {
  HeadArithmetic.crossEntropy(logits: logits, label: 0).predicted
}

/// The softmax cross-entropy `-log p[label]`, at least 0.
///
/// - Precondition: `label` is a position in `logits`.
package func crossEntropy(ofLogits logits: [Double], label: Int) -> Double {
  HeadArithmetic.crossEntropy(logits: logits, label: label).loss
}
