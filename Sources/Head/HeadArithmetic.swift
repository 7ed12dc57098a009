internal import CHead

/// The arithmetic of a head of given widths: linear, ReLU, linear, softmax cross-entropy; without
/// hidden units linear, softmax cross-entropy.
///
/// Parameters are one array, each tensor row-major: first weight [hidden, features], first bias
/// [hidden], last weight [classes, hidden], last bias [classes]. Every result of a sample is
/// computed in one fixed order, so its bits depend neither on the samples beside it nor on the
/// processor's vector width.
package struct HeadArithmetic: Sendable {
  private let shape: head_shape
  private let parameterCount: Int

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

  /// Arithmetic for heads of these widths.
  package init(_ shape: HeadShape) {
    self.shape = head_shape(
      features: Int64(shape.features), hidden: Int64(shape.hidden), classes: Int64(shape.classes))
    parameterCount = shape.parameterCount
  }

  /// The logits of feature vectors, one behind the other in `inputs`.
  ///
  /// - Precondition: `parameters` has the head's size, `inputs` a multiple of its features.
  package func logits(parameters: [Float], inputs: [Float]) -> [[Double]] {
    let classes = Int(shape.classes)
    var result: [[Double]] = []
    result.reserveCapacity(inputs.count / Int(shape.features))
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
  /// - Parameter masks: what the hidden activations of each sample are multiplied by, one behind the
  ///   other; nil for nothing.
  /// - Precondition: `parameters`, `samples`, `masks` and `sums` (parameters and ``SumField``s; more
  ///   may follow there) have the head's sizes, labels are classes, and `gradientLimit` is at most
  ///   ``convertibleMagnitude``.
  package func accumulate(
    parameters: [Float], samples: LabelledFeatures, masks: [Float]?, loss: HeadLoss,
    gradientLimit: Double, lossLimit: Double, into sums: inout [Int64]
  ) {
    let (hidden, classes) = (Int(shape.hidden), Int(shape.classes))
    precondition(samples.values.count == samples.count * Int(shape.features))
    precondition(samples.labels.allSatisfy { $0 >= 0 && $0 < classes })
    precondition(samples.mixes.isEmpty || samples.mixes.count == samples.count)
    precondition(masks.map { $0.count == samples.count * hidden } ?? true)
    precondition(loss.classWeights.map { $0.count == classes } ?? true)
    precondition(sums.count >= parameterCount + SumField.allCases.count)
    precondition(gradientLimit <= Self.convertibleMagnitude)
    let limits = head_limits(gradient: gradientLimit, loss: lossLimit)
    let labels = samples.labels.map(Int64.init)
    let mixes =
      samples.mixes.isEmpty
      ? nil : samples.mixes.map { head_mix(other: Int64($0.other), share: $0.share) }
    forEachBlock(parameters: parameters, inputs: samples.values, masks: masks) { block in
      let count = block.range.count
      var hiddenGradients = [Double](repeating: 0, count: count * hidden)
      var probabilities = [Double](repeating: 0, count: count * classes)
      loss.withParameters { loss in
        head_accumulate(
          shape, parameters, block.inputs, block.activations, block.masks, block.logits,
          Array(labels[block.range]), mixes.map { Array($0[block.range]) }, Int64(count), loss,
          limits, &hiddenGradients, &probabilities, &sums)
      }
    }
  }

  /// The forward pass of a few samples.
  private struct Block {
    let range: Range<Int>
    let inputs: [Float]
    let masks: [Float]?
    let activations: [Float]
    let logits: [Double]
  }

  private func forEachBlock(
    parameters: [Float], inputs: [Float], masks: [Float]? = nil, _ body: (Block) -> Void
  ) {
    let (features, hidden) = (Int(shape.features), Int(shape.hidden))
    let all = inputs.count / features
    precondition(parameters.count == parameterCount && inputs.count == all * features)
    for start in stride(from: 0, to: all, by: Int(HEAD_BLOCK)) {
      let range = start..<min(start + Int(HEAD_BLOCK), all)
      // What is one block is not copied.
      func part(_ values: [Float], _ width: Int) -> [Float] {
        range.count == all
          ? values : Array(values[range.lowerBound * width..<range.upperBound * width])
      }
      let flat = part(inputs, features)
      let mask = masks.map { part($0, hidden) }
      var activations = [Float](repeating: 0, count: range.count * hidden)
      var logits = [Double](repeating: 0, count: range.count * Int(shape.classes))
      head_forward(shape, parameters, flat, Int64(range.count), mask, &activations, &logits)
      body(
        Block(range: range, inputs: flat, masks: mask, activations: activations, logits: logits))
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
