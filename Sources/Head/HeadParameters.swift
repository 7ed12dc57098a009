import Tensors

/// The trained numbers of a head.
package struct HeadParameters: Equatable, Sendable {
  /// The widths.
  package let shape: HeadShape
  /// All values: the tensors of ``HeadShape/tensors`` in order, each row-major.
  package var values: [Float]

  /// Parameters from their values.
  ///
  /// - Precondition: `values.count` is `shape.parameterCount`.
  package init(shape: HeadShape, values: [Float]) {
    precondition(values.count == shape.parameterCount)
    self.shape = shape
    self.values = values
  }

  /// Parameters from their tensors, as a checkpoint or a state_dict names them; `tensor` returns
  /// nil for a name that it does not have.
  ///
  /// - Throws: ``HeadError`` where a tensor is missing, shapes do not fit together, or a value is
  ///   not finite.
  package init(tensor: (_ name: String) throws(HeadError) -> Tensor<Float>?) throws(HeadError) {
    let shape = try Self.shape(tensor)
    var values: [Float] = []
    values.reserveCapacity(shape.parameterCount)
    for part in shape.tensors {
      guard let value = try tensor(part.rawValue) else {
        throw .tensor(name: part.rawValue, reason: "is missing")
      }
      guard value.shape == shape.shape(of: part) else {
        throw .tensor(
          name: part.rawValue,
          reason: "has the shape \(value.shape), not \(shape.shape(of: part))")
      }
      guard value.values.allSatisfy(\.isFinite) else {
        throw .tensor(name: part.rawValue, reason: "holds a value that is not finite")
      }
      values += value.values
    }
    self.init(shape: shape, values: values)
  }

  /// The widths that the weights have.
  private static func shape(
    _ tensor: (_ name: String) throws(HeadError) -> Tensor<Float>?
  ) throws(HeadError) -> HeadShape {
    func extents(_ part: HeadTensor) throws(HeadError) -> [Int] {
      guard let value = try tensor(part.rawValue) else {
        throw .tensor(name: part.rawValue, reason: "is missing")
      }
      guard value.shape.count == 2 else {
        throw .tensor(name: part.rawValue, reason: "has \(value.shape.count) dimensions, not 2")
      }
      return value.shape
    }
    if try tensor(HeadTensor.firstWeight.rawValue) == nil,
      let linear = try tensor(HeadTensor.linearWeight.rawValue), linear.shape.count == 2
    {
      return try HeadShape(features: linear.shape[1], hidden: 0, classes: linear.shape[0])
    }
    let (first, second) = (try extents(.firstWeight), try extents(.secondWeight))
    guard first[0] > 0 else { throw .shape("it needs at least 1 hidden unit, not 0") }
    return try HeadShape(features: first[1], hidden: first[0], classes: second[0])
  }

  /// One tensor, with its shape.
  package func tensor(_ part: HeadTensor) -> Tensor<Float> {
    Tensor(shape: shape.shape(of: part), values: Array(values[shape.range(of: part)]))
  }

  /// Whether every value is finite.
  package var isFinite: Bool { values.areFinite }
}

extension HeadParameters {
  /// The logits of each feature vector, in float arithmetic in the first layer and double in the
  /// second. They never depend on which samples are computed together.
  ///
  /// - Precondition: each vector has `shape.features` values.
  package func logits(of features: [[Float]]) -> [[Double]] {
    precondition(features.allSatisfy { $0.count == shape.features })
    return arithmetic.logits(parameters: values, inputs: Array(features.joined()))
  }

  package var arithmetic: HeadArithmetic {
    HeadArithmetic(shape)
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

extension [Float] {
  /// Whether every value is finite: not all bits of its exponent are set. A loop without branches is
  /// several times as fast as one that ends early.
  var areFinite: Bool {
    var isBad: UInt32 = 0
    for value in self { isBad |= value.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
    return isBad == 0
  }
}
