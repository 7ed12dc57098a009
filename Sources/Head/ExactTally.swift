/// Loss, correct predictions and count of samples, summed exactly.
///
/// Losses are whole numbers of 2^-32, so sums of any grouping and order are equal. The sums over
/// ranks are the element-wise sums of ``values``.
package struct ExactTally: Equatable, Sendable {
  /// Loss, correct, count and faults.
  package var values: [Int64]
  private let lossLimit: Double

  /// An empty tally of at most `capacity` samples over all ranks.
  ///
  /// A single loss may reach 2^30 / `capacity`, so that the sum keeps below 2^62: 4,096 for 262,144
  /// samples, far above what any head that learns has. A larger one is a fault.
  ///
  /// - Precondition: `capacity` is positive.
  package init(capacity: Int) {
    precondition(capacity > 0)
    values = [Int64](repeating: 0, count: HeadArithmetic.SumField.allCases.count)
    lossLimit = Self.lossLimit(capacity: capacity)
  }

  /// The largest loss that one of `capacity` samples may add, in fixed-point units.
  package static func lossLimit(capacity: Int) -> Double { 0x1p62 / Double(capacity) }

  /// Whether `values` can be the sums of at most `samples` samples, none of them at fault.
  package static func canHold(_ values: [Int64], samples: Int) -> Bool {
    typealias Field = HeadArithmetic.SumField
    guard values.count == Field.allCases.count else { return false }
    let count = values[Field.count.rawValue]
    return (0...Int64(samples)).contains(count)
      && (0...count).contains(values[Field.correct.rawValue])
      && values[Field.loss.rawValue] >= 0 && values[Field.faults.rawValue] == 0
  }

  /// Back to nothing.
  package mutating func clear() { for index in values.indices { values[index] = 0 } }

  /// Adds one sample.
  ///
  /// - Precondition: `label` is a position in `logits`.
  package mutating func add(logits: [Double], label: Int) {
    HeadArithmetic.tally(logits: logits, label: label, lossLimit: lossLimit, into: &values)
  }

  /// Adds the totals of a gradient's samples. A sum that would pass 64 bits becomes a fault.
  package mutating func add(_ gradient: ExactGradient) {
    for (field, value) in gradient.fields.enumerated() {
      let (sum, overflow) = values[field].addingReportingOverflow(value)
      values[field] = sum
      if overflow { values[HeadArithmetic.SumField.faults.rawValue] = 1 }
    }
  }

  /// The sums as numbers for people.
  ///
  /// - Throws: ``HeadError/notFinite(samples:)`` where a sample did not fit, and
  ///   ``HeadError/noSamples`` where there was none.
  package func metrics() throws(HeadError) -> Metrics { try Metrics(fields: values[...]) }

  /// The same; nil where there was no sample.
  ///
  /// - Throws: ``HeadError/notFinite(samples:)`` where a sample did not fit.
  package func metricsUnlessEmpty() throws(HeadError) -> Metrics? {
    do {
      return try metrics()
    } catch .noSamples {
      return nil
    }
  }
}

/// Loss and accuracy over some samples.
package struct Metrics: Codable, Equatable, Sendable {
  /// The sum of the losses.
  package var lossSum: Double
  /// How many were predicted right.
  package var correct: Int
  /// How many samples there were.
  package var count: Int

  /// Metrics of no sample, to add others to.
  package init() {
    lossSum = 0
    correct = 0
    count = 0
  }

  /// The mean loss; 0 of no sample.
  package var loss: Double { count == 0 ? 0 : lossSum / Double(count) }
  /// The share predicted right, in 0...1; 0 of no sample.
  package var accuracy: Double { count == 0 ? 0 : Double(correct) / Double(count) }

  /// Adds the metrics of other samples.
  package static func += (left: inout Metrics, right: Metrics) {
    left.lossSum += right.lossSum
    left.correct += right.correct
    left.count += right.count
  }

  /// Metrics from the four fields of an exact sum.
  package init(fields: ArraySlice<Int64>) throws(HeadError) {
    func field(_ field: HeadArithmetic.SumField) -> Int64 {
      fields[fields.startIndex + field.rawValue]
    }
    guard field(.faults) == 0 else { throw .notFinite(samples: Int(field(.faults))) }
    guard field(.count) > 0 else { throw .noSamples }
    lossSum = Double(field(.loss)) / HeadArithmetic.lossScale
    correct = Int(field(.correct))
    count = Int(field(.count))
  }
}
