import Foundation
import Tensors
import Testing

@testable import Head

struct StandardisationTests {
  private func vectors() -> [[Float]] {
    var random = CounterRandom(seed: 9, purpose: .demoFigures)
    return (0..<60).map { _ in
      [0.5, Float(random.uniform(0, 1e-4)), Float(random.uniform(-3, 900)), Float(random.unit())]
    }
  }

  @Test func sumsAreExactInAnyGroupingAndGiveMeanAndDeviation() throws {
    let vectors = vectors()
    var all = FeatureSums(width: 4)
    for vector in vectors { all.add(vector) }
    var parts = [FeatureSums(width: 4), FeatureSums(width: 4)]
    for (index, vector) in vectors.enumerated().reversed() { parts[index % 2].add(vector) }
    #expect(parts[0] + parts[1] == all)
    #expect(all - parts[0] == parts[1])
    let found = try all.standardisation()
    for place in 0..<4 {
      let column = vectors.map { Double($0[place]) }
      let mean = column.reduce(0, +) / 60
      let deviation = (column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 60).squareRoot()
      #expect(abs(Double(found.mean[place]) - mean) <= 1e-6 * max(1e-6, abs(mean)))
      // A feature that never changes stays as it is.
      let factor = place == 0 ? 1 : 1 / deviation
      #expect(abs(Double(found.factor[place]) / factor - 1) < 1e-4)
    }
  }

  @Test func featuresOutOfRangeAreNoneThatCanBeSummed() {
    for value in [Float.nan, .infinity, 5_000] {
      var sums = FeatureSums(width: 1)
      sums.add([1])
      sums.add([value])
      let found = sums
      #expect(throws: HeadError.notFinite(samples: 1)) { try found.standardisation() }
    }
    #expect(throws: HeadError.noSamples) { try FeatureSums(width: 1).standardisation() }
  }

  @Test(arguments: [0, 5]) func aFoldedHeadSaysTheSameOfPlainFeatures(hidden: Int) throws {
    let vectors = vectors()
    var sums = FeatureSums(width: 4)
    for vector in vectors { sums.add(vector) }
    let standardisation = try sums.standardisation()
    let head = try HeadFixture(features: 4, hidden: hidden).parameters
    var values = Array(vectors.joined())
    standardisation.apply(to: &values)
    let wanted = head.arithmetic.logits(parameters: head.values, inputs: values)
    for (left, right) in zip(standardisation.folded(into: head).logits(of: vectors), wanted) {
      for (x, y) in zip(left, right) { #expect(abs(x - y) < 1e-4) }
    }
  }
}
