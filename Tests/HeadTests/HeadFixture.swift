import Foundation
import Tensors

@testable import Head

/// A head and labelled feature vectors to try it on, all keyed by a seed.
struct HeadFixture {
  let shape: HeadShape
  let parameters: HeadParameters
  let features: [[Float]]
  let labels: [Int]

  init(
    features: Int = 37, hidden: Int = 11, classes: Int = 3, samples: Int = 20, seed: UInt64 = 1
  ) throws {
    shape = try HeadShape(features: features, hidden: hidden, classes: classes)
    parameters = initialHead(shape: shape, initialisation: .pytorch, seed: seed)
    var random = CounterRandom(seed: seed, purpose: .demoFigures)
    self.features = (0..<samples).map { _ in
      (0..<features).map { _ in Float(max(0, random.uniform(-1, 3))) }
    }
    labels = (0..<samples).map { _ in random.below(classes) }
  }

  /// The exact sum of the samples at `indices`, each group added by one call.
  func sum(groups: [[Int]], globalBatch: Int? = nil) -> ExactGradient {
    var sum = ExactGradient(shape: shape, globalBatch: globalBatch ?? features.count)
    for group in groups {
      sum.add(
        features: group.map { features[$0] }, labels: group.map { labels[$0] }, at: parameters)
    }
    return sum
  }
}

/// The head computed plainly in double precision.
struct PlainHead {
  let shape: HeadShape
  var values: [Double]

  init(_ parameters: HeadParameters) {
    shape = parameters.shape
    values = parameters.values.map(Double.init)
  }

  func activations(_ x: [Float]) -> [Double] {
    let weight = shape.range(of: .firstWeight).lowerBound
    let bias = shape.range(of: .firstBias).lowerBound
    return (0..<shape.hidden).map { j in
      var sum = values[bias + j]
      for i in 0..<shape.features {
        sum += values[weight + j * shape.features + i] * Double(x[i])
      }
      return max(0, sum)
    }
  }

  func logits(_ x: [Float]) -> [Double] {
    let h = activations(x)
    let weight = shape.range(of: .secondWeight).lowerBound
    let bias = shape.range(of: .secondBias).lowerBound
    return (0..<shape.classes).map { c in
      (0..<shape.hidden).reduce(values[bias + c]) { sum, j in
        sum + values[weight + c * shape.hidden + j] * h[j]
      }
    }
  }

  func loss(_ x: [Float], _ label: Int) -> Double {
    let logits = logits(x)
    let largest = logits.max() ?? 0
    return log(logits.reduce(0) { $0 + exp($1 - largest) }) + largest - logits[label]
  }

  func meanLoss(_ features: [[Float]], _ labels: [Int]) -> Double {
    zip(features, labels).reduce(0) { $0 + loss($1.0, $1.1) } / Double(features.count)
  }

  /// The mean gradient by the textbook formulas.
  func meanGradient(_ features: [[Float]], _ labels: [Int]) -> [Double] {
    var gradient = [Double](repeating: 0, count: values.count)
    let share = 1 / Double(features.count)
    let (w1, b1) = (0, shape.range(of: .firstBias).lowerBound)
    let w2 = shape.range(of: .secondWeight).lowerBound
    let b2 = shape.range(of: .secondBias).lowerBound
    for (x, label) in zip(features, labels) {
      let h = activations(x)
      let logits = logits(x)
      let total = logits.reduce(0) { $0 + exp($1) }
      let logitGradients = logits.enumerated().map { exp($1) / total - ($0 == label ? 1 : 0) }
      for c in 0..<shape.classes {
        gradient[b2 + c] += logitGradients[c] * share
        for j in 0..<shape.hidden {
          gradient[w2 + c * shape.hidden + j] += logitGradients[c] * h[j] * share
        }
      }
      for j in 0..<shape.hidden where h[j] > 0 {
        let slope = (0..<shape.classes).reduce(0.0) {
          $0 + logitGradients[$1] * values[w2 + $1 * shape.hidden + j]
        }
        gradient[b1 + j] += slope * share
        for i in 0..<shape.features {
          gradient[w1 + j * shape.features + i] += slope * Double(x[i]) * share
        }
      }
    }
    return gradient
  }
}
