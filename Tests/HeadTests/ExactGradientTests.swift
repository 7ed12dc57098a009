import Tensors
import Testing

@testable import Head

struct ExactGradientTests {
  /// Widths around the lengths of the kernels' vectors, so that every tail is met.
  static let widths = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65]

  @Test(arguments: widths) func meanGradientIsTheTextbookOne(width: Int) throws {
    for hidden in [1, 5, 8] {
      let fixture = try HeadFixture(features: width, hidden: hidden, samples: 19)
      let mean = try fixture.sum(groups: [Array(0..<19)]).mean()
      let plain = PlainHead(fixture.parameters)
      let expected = plain.meanGradient(fixture.features, fixture.labels)
      for (value, reference) in zip(mean.gradient, expected) {
        #expect(abs(Double(value) - reference) <= 1e-6 * max(1, abs(reference)))
      }
      let loss = plain.meanLoss(fixture.features, fixture.labels)
      #expect(abs(mean.metrics.loss - loss) < 1e-6)
      #expect(mean.metrics.count == 19)
    }
  }

  @Test func meanGradientAgreesWithFiniteDifferences() throws {
    let fixture = try HeadFixture(features: 6, hidden: 5, classes: 4, samples: 9)
    let mean = try fixture.sum(groups: [Array(0..<9)]).mean()
    let plain = PlainHead(fixture.parameters)
    let nudge = 1e-6
    for index in mean.gradient.indices {
      var above = plain
      var below = plain
      above.values[index] += nudge
      below.values[index] -= nudge
      let slope =
        (above.meanLoss(fixture.features, fixture.labels)
          - below.meanLoss(fixture.features, fixture.labels)) / (2 * nudge)
      #expect(abs(Double(mean.gradient[index]) - slope) < 1e-6, "parameter \(index)")
    }
  }

  @Test(arguments: [1, 2, 3, 4, 7, 9]) func anySplitInAnyOrderGivesEqualSums(parts: Int) throws {
    let count = 50
    let fixture = try HeadFixture(samples: count)
    let whole = fixture.sum(groups: [Array(0..<count)])
    for seed in 0..<8 as Range<UInt64> {
      var random = CounterRandom(seed: seed, purpose: .epochOrder)
      var groups = [[Int]](repeating: [], count: parts)
      for sample in random.permutation(count) { groups[random.below(parts)].append(sample) }
      #expect(fixture.sum(groups: groups) == whole)

      var overRanks = [Int64](repeating: 0, count: whole.values.count)
      for group in groups {
        let part = fixture.sum(groups: [group], globalBatch: count).values
        for index in part.indices { overRanks[index] += part[index] }
      }
      #expect(overRanks == whole.values)
    }
  }

  @Test func logitsDoNotDependOnNeighbours() throws {
    let fixture = try HeadFixture(features: 1024, hidden: 128, classes: 2, samples: 40)
    let together = fixture.parameters.logits(of: fixture.features)
    let alone = fixture.features.flatMap { fixture.parameters.logits(of: [$0]) }
    #expect(together == alone)
  }
}

/// Values that do not fit must be noticed, by every rank, before a step is applied.
struct ExactGradientFaultTests {
  static let badFeatures: [Float] = [
    .nan, .infinity, -.infinity, .signalingNaN, .greatestFiniteMagnitude, 1e8, -1e8,
  ]

  @Test(arguments: badFeatures) func badFeatureIsAFault(value: Float) throws {
    let fixture = try HeadFixture()
    for position in [0, 17, fixture.shape.features - 1] {
      var bad = fixture.features[3]
      bad[position] = value
      var sum = fixture.sum(groups: [[0, 1, 2]])
      let before = sum.values
      sum.add(features: [bad], labels: [fixture.labels[3]], at: fixture.parameters)
      #expect(Array(sum.values.dropLast(2)) == Array(before.dropLast(2)))
      #expect(throws: HeadError.notFinite(samples: 1)) { try sum.mean() }
    }
  }

  /// Validation meets it too, where no step is taken and no option of `train` helps.
  @Test func theMessageSaysWhatIsWrongAndNamesNoOption() {
    #expect(
      HeadError.notFinite(samples: 2).description
        == "the loss or gradient of 2 samples is not finite or too large")
  }

  @Test(arguments: [Float.nan, .infinity]) func badParameterIsAFault(value: Float) throws {
    let fixture = try HeadFixture()
    for tensor in fixture.shape.tensors {
      var values = fixture.parameters.values
      for index in fixture.shape.range(of: tensor) { values[index] = value }
      let bad = HeadParameters(shape: fixture.shape, values: values)
      var sum = ExactGradient(shape: fixture.shape, globalBatch: 20)
      sum.add(features: fixture.features, labels: fixture.labels, at: bad)
      #expect(throws: HeadError.notFinite(samples: 20)) { try sum.mean() }
      #expect(sum.values.dropLast(2).allSatisfy { $0 == 0 })
    }
  }

  /// Its loss is finite: the class of the infinite weight has probability 0, and 0 times infinity
  /// is the slope of the first unit. Those of the units behind it are ordinary numbers.
  @Test func aSlopeThatIsNoNumberIsAFaultWhateverFollows() throws {
    let shape = try HeadShape(features: 1, hidden: 3, classes: 2)
    let second: [Float] = [-.infinity, 1, 1, 1, 1, 1]
    let parameters = HeadParameters(shape: shape, values: [1, 1, 1, 0, 0, 0] + second + [0, 0])
    var sum = ExactGradient(shape: shape, globalBatch: 1)
    sum.add(features: [[1]], labels: [1], at: parameters)
    #expect(throws: HeadError.notFinite(samples: 1)) { try sum.mean() }
    #expect(sum.values.dropLast(2).allSatisfy { $0 == 0 })
  }

  /// A head of one unit whose gradient is known: the slope of the second bias is ±1/2, that of the
  /// first weight's is ±w/2 times the feature.
  private func gradientOfOneUnit(feature: Float, globalBatch: Int) throws -> ExactGradient {
    let shape = try HeadShape(features: 1, hidden: 1, classes: 2)
    let parameters = HeadParameters(shape: shape, values: [0, 1, 2, 2, 0, 0])
    var sum = ExactGradient(shape: shape, globalBatch: globalBatch)
    var steeper = parameters
    steeper.values[2] = 3
    steeper.values[3] = -3
    sum.add(features: [[feature]], labels: [1], at: steeper)
    return sum
  }

  @Test func limitFallsWithTheGlobalBatch() throws {
    // The slope by the unit's sum is 6 p(0), nearly 6.
    for (globalBatch, fits, fails) in [
      (32, Float(340), Float(350)), (2048, 340, 350), (4096, 170, 171.5), (1 << 20, 0.66, 0.67),
    ] {
      if globalBatch < 1 << 20 {
        #expect(throws: Never.self) {
          try gradientOfOneUnit(feature: fits, globalBatch: globalBatch).mean()
        }
        #expect(throws: HeadError.notFinite(samples: 1)) {
          try gradientOfOneUnit(feature: fails, globalBatch: globalBatch).mean()
        }
      } else {
        // Here the slope of the bias alone passes the limit of 4.
        #expect(throws: HeadError.notFinite(samples: 1)) {
          try gradientOfOneUnit(feature: fits, globalBatch: globalBatch).mean()
        }
      }
    }
  }

  /// The largest batch of samples at the limit keeps its sums inside 64 bits.
  @Test func sumsAtTheLimitDoNotOverflow() throws {
    for globalBatch in [1, 32, 2048, 4096] {
      let feature: Float = globalBatch <= 2048 ? 341 : 170.5
      let one = try gradientOfOneUnit(feature: feature, globalBatch: globalBatch)
      let count = Int64(globalBatch)
      for value in one.values {
        let product = value.multipliedReportingOverflow(by: count)
        #expect(!product.overflow && product.partialValue.magnitude <= 1 << 62)
      }
    }
  }
}
