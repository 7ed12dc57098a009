import Foundation
import Tensors
import Testing

@testable import Head

/// The elementary functions are the project's own, so that their bits never depend on a library.
struct ElementaryTests {
  @Test func softmaxAgreesWithTheLibrary() {
    var random = CounterRandom(seed: 3, purpose: .demoFigures)
    for width in [1.0, 10, 100, 700] {
      for _ in 0..<2_000 {
        let logits = (0..<(1 + random.below(6))).map { _ in random.uniform(-width, width) }
        let label = random.below(logits.count)
        let largest = logits.max() ?? 0
        let total = logits.reduce(0) { $0 + exp($1 - largest) }
        for (value, logit) in zip(probabilities(ofLogits: logits), logits) {
          #expect(abs(value - exp(logit - largest) / total) <= 1e-15 * value + 1e-300)
        }
        let loss = largest - logits[label] + log(total)
        #expect(abs(crossEntropy(ofLogits: logits, label: label) - loss) <= 4e-16 * max(1, loss))
      }
    }
  }

  @Test func softmaxIsStable() {
    #expect(probabilities(ofLogits: [1e300, 0]) == [1, 0])
    #expect(probabilities(ofLogits: [5]) == [1])
    #expect(crossEntropy(ofLogits: [0, 2_000], label: 0) == 2_000)
    #expect(crossEntropy(ofLogits: [0, 2_000], label: 1) == 0)
    #expect(crossEntropy(ofLogits: [0, .nan], label: 0).isNaN)
    #expect(crossEntropy(ofLogits: [0, .infinity], label: 0).isNaN)
    let many = [Double](repeating: -3, count: 1_000)
    #expect(abs(crossEntropy(ofLogits: many, label: 7) - log(1_000)) < 1e-14)
  }

  @Test func firstOfEqualLogitsIsPredicted() {
    #expect(predictedClass(ofLogits: [1, 1]) == 0)
    #expect(predictedClass(ofLogits: [0, 2, 2, 1]) == 1)
    #expect(predictedClass(ofLogits: [-5, -4]) == 1)
  }

  @Test func powersAndCosines() {
    for exponent in [0, 1, 2, 3, 10, 66, 1_000, 100_000] {
      for base in [0.0, 0.1, 0.9, 0.999, 1] {
        let expected = pow(base, Double(exponent))
        #expect(abs(power(base, exponent) - expected) <= 3e-16 * Double(exponent) * expected)
      }
    }
    for part in 0...1_000 {
      let x = Double(part) / 1_000
      #expect(abs(cosineOfPi(x) - cos(.pi * x)) < 5e-16)
    }
    #expect(cosineOfPi(0) == 1)
    #expect(cosineOfPi(1) == -1)
  }
}
