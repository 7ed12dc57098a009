import CHead
import Foundation
import Tensors
import Testing

@testable import Head

/// Losses and gradients in plain double precision.
private struct PlainLoss {
  let loss: HeadLoss
  let shape: HeadShape
  /// What the last layer's inputs are multiplied by, sample by sample.
  let masks: [Float]?

  func value(_ parameters: [Double], _ samples: LabelledFeatures) -> Double {
    (0..<samples.count).reduce(0) { sum, sample in
      let x = samples.values[sample * shape.features..<(sample + 1) * shape.features]
        .map(Double.init)
      let logits = logits(parameters, x, sample)
      let largest = logits.max() ?? 0
      let total = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
      let label = samples.labels[sample]
      let mix = samples.mixes.isEmpty ? nil : samples.mixes[sample]
      func value(_ label: Int) -> Double {
        let sum = logits.indices.reduce(0.0) { sum, index in
          let share = loss.smoothing / Double(shape.classes)
          let target = share + (index == label ? 1 - loss.smoothing : 0)
          return sum + target * (total - logits[index])
        }
        return sum * (loss.classWeights?[label] ?? 1)
      }
      let own = mix?.share ?? 1
      let mixed = own * value(label) + (1 - own) * value(mix?.other ?? label)
      return sum + mixed / Double(samples.count)
    }
  }

  private func logits(_ parameters: [Double], _ x: [Double], _ sample: Int) -> [Double] {
    var input = x
    var start = 0
    if shape.hidden > 0 {
      input = (0..<shape.hidden).map { row in
        let bias = parameters[shape.hidden * shape.features + row]
        return max(0, bias + dot(parameters, row * shape.features, x))
      }
      start = shape.hidden * (shape.features + 1)
    }
    if let masks {
      for index in input.indices { input[index] *= Double(masks[sample * input.count + index]) }
    }
    let bias = start + shape.classes * input.count
    return (0..<shape.classes).map { row in
      parameters[bias + row] + dot(parameters, start + row * input.count, input)
    }
  }

  private func dot(_ parameters: [Double], _ start: Int, _ x: [Double]) -> Double {
    x.indices.reduce(0) { $0 + parameters[start + $1] * x[$1] }
  }
}

struct HeadLossTests {
  static let settings: [(smoothing: Double, weights: [Double]?, dropout: Double)] = [
    (0, nil, 0), (0.1, nil, 0), (0, [0.5, 2, 1.25], 0), (0, nil, 0.4), (0.2, [3, 0.1, 1], 0.25),
  ]

  /// Loss and gradient are those of the definition, by central differences.
  @Test(arguments: settings.indices, [0, 11]) func gradientsAreThoseOfTheLoss(
    index: Int, hidden: Int
  ) throws {
    for alpha in [0, 0.4] { try check(index, hidden, mixup: alpha) }
  }

  private func check(_ index: Int, _ hidden: Int, mixup: Double) throws {
    let fixture = try HeadFixture(hidden: hidden)
    var loss = HeadLoss()
    (loss.smoothing, loss.classWeights, loss.dropout) = Self.settings[index]
    var samples = LabelledFeatures(fixture.features, labels: fixture.labels)
    if mixup > 0 {
      var random = CounterRandom(seed: 8, purpose: .mixup)
      samples.mix(alpha: mixup, random: &random)
      #expect(samples.mixes.allSatisfy { (0.5...1).contains($0.share) })
    }
    let width = hidden > 0 ? hidden : fixture.shape.features
    let masks = loss.masks(for: samples, width: width, seed: 5, epoch: 2)
    var sum = ExactGradient(shape: fixture.shape, globalBatch: samples.count)
    sum.add(samples, at: fixture.parameters, loss: loss, masks: masks)
    let (gradient, metrics) = try sum.mean()
    let plain = PlainLoss(loss: loss, shape: fixture.shape, masks: masks)
    let values = fixture.parameters.values.map(Double.init)
    #expect(abs(plain.value(values, samples) - metrics.loss) < 1e-6)
    for place in stride(from: 0, to: values.count, by: 3) {
      var (more, less) = (values, values)
      more[place] += 1e-5
      less[place] -= 1e-5
      let slope = (plain.value(more, samples) - plain.value(less, samples)) / 2e-5
      #expect(abs(slope - Double(gradient[place])) < 1e-5 * max(1, abs(slope)))
    }
  }

  @Test func masksDependOnSeedEpochAndImageAlone() {
    var loss = HeadLoss()
    loss.dropout = 0.25
    var samples = LabelledFeatures()
    for index in [7, 3] { samples.append([0], label: 0, index: index) }
    let masks = loss.masks(for: samples, width: 1_000, seed: 1, epoch: 0) ?? []
    let kept = masks.count { $0 > 0 }
    #expect((1_400..<1_600).contains(kept))
    #expect(Set(masks) == [0, Float(4.0 / 3)])
    var alone = LabelledFeatures()
    alone.append([0], label: 0, index: 3)
    #expect(loss.masks(for: alone, width: 1_000, seed: 1, epoch: 0) == Array(masks[1_000...]))
    #expect(loss.masks(for: alone, width: 1_000, seed: 1, epoch: 1) != Array(masks[1_000...]))
  }

  /// The widest vectors of the processor, those of 8 and of 4 floats: the same bits for every size.
  @Test func everyWidthOfVectorsGivesTheSameBits() throws {
    defer { _ = head_use_width(0) }
    for (features, hidden, classes, count) in [
      (1, 1, 2, 1), (37, 11, 3, 20), (15, 2, 2, 3), (16, 3, 5, 4), (64, 5, 2, 33), (131, 0, 4, 35),
      (48, 8, 3, 2), (33, 7, 2, 5),
    ] {
      let fixture = try HeadFixture(
        features: features, hidden: hidden, classes: classes, samples: count,
        seed: UInt64(features))
      func result() throws -> ([Int64], [[Double]], [Float]) {
        let sum = fixture.sum(groups: [Array(0..<count)])
        var parameters = fixture.parameters
        var optimizer = try Optimizer(
          OptimizerSettings(weightDecay: 0.01), parameterCount: fixture.shape.parameterCount)
        for _ in 0..<3 {
          optimizer.update(&parameters, gradient: try sum.mean().gradient, learningRate: 0.1)
        }
        return (sum.values, fixture.parameters.logits(of: fixture.features), parameters.values)
      }
      #expect(head_use_width(4))
      let narrow = try result()
      for width: Int32 in [8, 16] where head_use_width(width) {
        let wide = try result()
        #expect(wide.0 == narrow.0 && wide.1 == narrow.1 && wide.2 == narrow.2)
      }
    }
  }
}

struct MixupTests {
  /// The shares are distributed as the larger part of a number from Beta(a, a), whose variance is
  /// 1 / (4 (2 a + 1)).
  @Test(arguments: [0.1, 0.4, 1]) func sharesHaveTheirDistribution(alpha: Double) {
    var samples = LabelledFeatures()
    for index in 0..<4_000 { samples.append([Float(index)], label: index, index: index) }
    var random = CounterRandom(seed: 3, purpose: .mixup)
    samples.mix(alpha: alpha, random: &random)
    let spread = samples.mixes.reduce(0) { $0 + ($1.share - 0.5) * ($1.share - 0.5) } / 4_000
    #expect(abs(spread * 4 * (2 * alpha + 1) - 1) < 0.06)
    #expect(Set(samples.mixes.map(\.other)).count == 4_000)
    for (index, mix) in samples.mixes.enumerated() {
      let value = Double(index) * mix.share + Double(mix.other) * (1 - mix.share)
      #expect(abs(Double(samples.values[index]) - value) < 1e-2)
    }
  }

  @Test func aSampleAloneStaysAsItIs() {
    var samples = LabelledFeatures()
    samples.append([1], label: 0, index: 0)
    var random = CounterRandom(seed: 3, purpose: .mixup)
    samples.mix(alpha: 1, random: &random)
    #expect(samples.mixes.isEmpty && samples.values == [1])
  }
}
