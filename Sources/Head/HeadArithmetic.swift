internal import CHead

/// The arithmetic of a head of given widths: linear, ReLU, linear, softmax cross-entropy.
///
/// Parameters are one array, each tensor row-major: first weight [hidden, features], first bias
/// [hidden], second weight [classes, hidden], second bias [classes]. Every result of a sample is
/// computed in one fixed order, so its bits depend neither on the samples beside it nor on the
/// processor's vector width.
package struct HeadArithmetic: Sendable {
  private let shape: head_shape

  /// What stands behind the gradient in a vector of sums, in this order.
  package enum SumField: Int, CaseIterable, Sendable {
    /// The sum of losses in units of 1 / ``lossScale``.
    case loss
    /// How many samples were predicted right.
    case correct
    /// How many samples were added.
    case count
    /// How many samples were left out because something of them was not finite or too large.
    case faults
  }

  /// Gradient elements are counted in units of 1 / this.
  package static let gradientScale = HEAD_GRADIENT_SCALE
  /// Losses are counted in units of 1 / this.
  package static let lossScale = HEAD_LOSS_SCALE
  /// The largest magnitude of a gradient element in fixed-point units that the conversion can take.
  package static let convertibleMagnitude = 0x1p51

  /// Arithmetic for `features` inputs, `hidden` units and `classes` outputs.
  ///
  /// - Precondition: all are positive.
  package init(features: Int, hidden: Int, classes: Int) {
    precondition(features > 0 && hidden > 0 && classes > 0)
    shape = head_shape(
      features: Int64(features), hidden: Int64(hidden), classes: Int64(classes))
  }

  /// How many numbers the parameters are.
  package var parameterCount: Int {
    Int(shape.hidden * (shape.features + 1) + shape.classes * (shape.hidden + 1))
  }

  /// The logits of each feature vector.
  ///
  /// - Precondition: `parameters` and each of `inputs` have the head's sizes.
  package func logits(parameters: [Float], inputs: [[Float]]) -> [[Double]] {
    let classes = Int(shape.classes)
    var result: [[Double]] = []
    result.reserveCapacity(inputs.count)
    forEachBlock(parameters: parameters, inputs: inputs) { block in
      for sample in 0..<block.range.count {
        result.append(Array(block.logits[sample * classes..<(sample + 1) * classes]))
      }
    }
    return result
  }

  /// Adds the fixed-point gradient, loss, correctness and count of each sample to `sums`.
  ///
  /// A sample whose gradient elements pass `gradientLimit` or whose loss passes `lossLimit`, both
  /// in fixed-point units, or that has anything not finite, adds one to the faults and nothing
  /// else.
  ///
  /// - Precondition: `parameters`, `inputs` and `sums` (parameters and ``SumField``s; more may follow
  ///   there) have the head's sizes, there are as many `labels` as `inputs`, each a class, and
  ///   `gradientLimit` is at most ``convertibleMagnitude``.
  package func accumulate(
    parameters: [Float], inputs: [[Float]], labels: [Int], gradientLimit: Double, lossLimit: Double,
    into sums: inout [Int64]
  ) {
    precondition(labels.count == inputs.count)
    precondition(labels.allSatisfy { $0 >= 0 && $0 < Int(shape.classes) })
    precondition(sums.count >= parameterCount + SumField.allCases.count)
    precondition(gradientLimit <= Self.convertibleMagnitude)
    let limits = head_limits(gradient: gradientLimit, loss: lossLimit)
    let labels = labels.map(Int64.init)
    forEachBlock(parameters: parameters, inputs: inputs) { block in
      let count = block.range.count
      var hiddenGradients = [Double](repeating: 0, count: count * Int(shape.hidden))
      var probabilities = [Double](repeating: 0, count: count * Int(shape.classes))
      head_accumulate(
        shape, parameters, block.inputs, block.activations, block.logits,
        Array(labels[block.range]), Int64(count), limits, &hiddenGradients, &probabilities, &sums)
    }
  }

  /// The forward pass of a few samples.
  private struct Block {
    let range: Range<Int>
    let inputs: [Float]
    let activations: [Float]
    let logits: [Double]
  }

  private func forEachBlock(
    parameters: [Float], inputs: [[Float]], _ body: (Block) -> Void
  ) {
    precondition(parameters.count == parameterCount)
    precondition(inputs.allSatisfy { $0.count == Int(shape.features) })
    for start in stride(from: 0, to: inputs.count, by: Int(HEAD_BLOCK)) {
      let range = start..<min(start + Int(HEAD_BLOCK), inputs.count)
      let flat = Array(inputs[range].joined())
      var activations = [Float](repeating: 0, count: range.count * Int(shape.hidden))
      var logits = [Double](repeating: 0, count: range.count * Int(shape.classes))
      head_forward(shape, parameters, flat, Int64(range.count), &activations, &logits)
      body(Block(range: range, inputs: flat, activations: activations, logits: logits))
    }
  }
}

extension HeadArithmetic {
  /// The softmax of `logits`.
  ///
  /// - Precondition: `logits` is not empty.
  package static func probabilities(logits: [Double]) -> [Double] {
    crossEntropy(logits: logits, label: 0).probabilities
  }

  /// The softmax, the loss `-log p[label]`, and the position of the largest logit (the first of
  /// equal ones).
  ///
  /// - Precondition: `label` is a position in `logits`.
  package static func crossEntropy(
    logits: [Double], label: Int
  ) -> (probabilities: [Double], loss: Double, predicted: Int) {
    precondition(logits.indices.contains(label))
    var probabilities = [Double](repeating: 0, count: logits.count)
    var predicted: Int64 = 0
    let loss = head_cross_entropy(
      logits, Int64(logits.count), Int64(label), &probabilities, &predicted)
    return (probabilities, loss, Int(predicted))
  }

  /// Adds one evaluated sample to `sums`, which holds the ``SumField``s.
  ///
  /// - Precondition: `label` is an index into `logits`; `sums` has an element for each field.
  package static func tally(
    logits: [Double], label: Int, lossLimit: Double, into sums: inout [Int64]
  ) {
    precondition(logits.indices.contains(label) && sums.count == SumField.allCases.count)
    var probabilities = [Double](repeating: 0, count: logits.count)
    head_tally(logits, Int64(logits.count), Int64(label), lossLimit, &probabilities, &sums)
  }

  /// The first `count` of `sums`, each divided by `divisor` and rounded once.
  ///
  /// - Precondition: `count` is at most `sums.count`.
  package static func mean(_ sums: [Int64], count: Int, divisor: Double) -> [Float] {
    precondition(count <= sums.count)
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      if let base = buffer.baseAddress { head_mean(sums, Int64(count), divisor, base) }
      initialised = count
    }
  }
}
