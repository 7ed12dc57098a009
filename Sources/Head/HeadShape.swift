/// The widths of a head: linear features to hidden, ReLU, linear hidden to classes; or, without hidden
/// units, linear features to classes.
package struct HeadShape: Equatable, Sendable {
  /// The length of a feature vector.
  package let features: Int
  /// The number of hidden units; 0 for a head of one linear layer.
  package let hidden: Int
  /// The number of classes.
  package let classes: Int

  /// The most parameters that a head may have, 2^28 (1 GiB of floats).
  package static let parameterLimit = 1 << 28

  /// Checks the widths.
  ///
  /// - Throws: ``HeadError/shape(_:)`` where there are no features, fewer than two
  ///   classes, or the parameters would pass ``parameterLimit``.
  package init(features: Int, hidden: Int, classes: Int) throws(HeadError) {
    guard features > 0 else { throw .shape("it needs at least 1 feature, not \(features)") }
    guard hidden >= 0 else { throw .shape("it cannot have \(hidden) hidden units") }
    guard classes > 1 else { throw .shape("it needs at least 2 classes, not \(classes)") }
    let limit = Self.parameterLimit
    let width = hidden > 0 ? hidden : features
    guard features <= limit, hidden <= limit, classes <= limit, classes * (width + 1) <= limit,
      hidden * (features + 1) <= limit - classes * (width + 1)
    else {
      throw .shape(
        "\(features) features, \(hidden) hidden units and \(classes) classes make more than "
          + "\(limit) parameters; use fewer hidden units")
    }
    self.features = features
    self.hidden = hidden
    self.classes = classes
  }

  /// The number of parameters.
  package var parameterCount: Int { hidden * (features + 1) + classes * (lastWidth + 1) }

  /// How many numbers the last layer takes.
  var lastWidth: Int { hidden > 0 ? hidden : features }

  /// Its tensors in the order in which their values lie.
  package var tensors: [HeadTensor] {
    hidden > 0
      ? [.firstWeight, .firstBias, .secondWeight, .secondBias] : [.linearWeight, .linearBias]
  }
}

/// The tensors that a head may have; see ``HeadShape/tensors``.
package enum HeadTensor: String, CaseIterable, Sendable {
  /// The weight of the first layer, [hidden, features].
  case firstWeight = "fc.0.weight"
  /// The bias of the first layer, [hidden].
  case firstBias = "fc.0.bias"
  /// The weight of the second layer, [classes, hidden].
  case secondWeight = "fc.2.weight"
  /// The bias of the second layer, [classes].
  case secondBias = "fc.2.bias"
  /// The weight of a head of one layer, [classes, features].
  case linearWeight = "fc.weight"
  /// The bias of a head of one layer, [classes].
  case linearBias = "fc.bias"
}

extension HeadShape {
  /// The shape of one tensor.
  package func shape(of tensor: HeadTensor) -> [Int] {
    switch tensor {
    case .firstWeight: [hidden, features]
    case .firstBias: [hidden]
    case .secondWeight: [classes, hidden]
    case .secondBias, .linearBias: [classes]
    case .linearWeight: [classes, features]
    }
  }

  /// Where one tensor's values lie among all parameters.
  ///
  /// - Precondition: the head has this tensor.
  package func range(of tensor: HeadTensor) -> Range<Int> {
    var start = 0
    for earlier in tensors {
      let count = shape(of: earlier).reduce(1, *)
      if earlier == tensor { return start..<start + count }
      start += count
    }
    preconditionFailure("a head of this shape has no \(tensor.rawValue)")
  }
}
