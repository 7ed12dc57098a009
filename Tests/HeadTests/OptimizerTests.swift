import Tensors
import Testing

@testable import Head

/// Optimizers against their formulas, written plainly in double precision.
struct OptimizerTests {
  static let settings: [OptimizerSettings] = [OptimizerKind.adam, .adamw, .sgd].flatMap { kind in
    OptimizerConvention.allCases.flatMap { convention in
      [0, 0.05].map { decay in
        OptimizerSettings(kind: kind, convention: convention, weightDecay: decay)
      }
    }
  }

  /// A made-up gradient with elements of every size, some of them 0.
  static func gradient(step: Int, count: Int) -> [Float] {
    var random = CounterRandom(seed: 5, purpose: .demoFigures, epoch: step)
    return (0..<count).map { index in
      index % 5 == 0 ? 0 : Float(random.uniform(-1, 1)) * [1, 1e-3, 1e-6, 1e-9][index % 4]
    }
  }

  @Test(arguments: settings) func stepsFollowTheFormulas(settings: OptimizerSettings) throws {
    let shape = try HeadShape(features: 6, hidden: 3, classes: 3)
    var parameters = initialHead(shape: shape, initialisation: .pytorch, seed: 2)
    var plain = PlainOptimizer(settings: settings, values: parameters.values.map(Double.init))
    var optimizer = try Optimizer(settings, parameterCount: shape.parameterCount)
    for step in 1...50 {
      let gradient = Self.gradient(step: step, count: shape.parameterCount)
      let rate = 0.01 / Double(step)
      optimizer.update(&parameters, gradient: gradient, learningRate: rate)
      plain.update(gradient: gradient.map(Double.init), rate: rate)
      for (value, expected) in zip(parameters.values, plain.values) {
        #expect(abs(Double(value) - expected) < 2e-7 * Double(step))
      }
    }
    #expect(optimizer.state.step == 50)
  }

  @Test(arguments: settings) func savedStateGoesOnWithTheSameBits(settings: OptimizerSettings)
    throws
  {
    let shape = try HeadShape(features: 6, hidden: 3, classes: 3)
    let count = shape.parameterCount
    var parameters = initialHead(shape: shape, initialisation: .keras, seed: 2)
    var optimizer = try Optimizer(settings, parameterCount: count)
    for step in 0..<5 {
      optimizer.update(
        &parameters, gradient: Self.gradient(step: step, count: count), learningRate: 0.01)
    }
    var resumed = try Optimizer(settings, parameterCount: count, state: optimizer.state)
    var copy = parameters
    for step in 5..<9 {
      let gradient = Self.gradient(step: step, count: count)
      optimizer.update(&parameters, gradient: gradient, learningRate: 0.01)
      resumed.update(&copy, gradient: gradient, learningRate: 0.01)
    }
    #expect(copy == parameters)
    #expect(resumed.state == optimizer.state)
  }

  @Test func conventionsDifferInTheFirstStepOnlyByEpsilon() throws {
    // A first step of Adam is lr g / (|g| + eps), where Keras's eps counts as eps / √(1 - beta2).
    let shape = try HeadShape(features: 1, hidden: 1, classes: 2)
    for (convention, epsilon) in [
      (OptimizerConvention.pytorch, 1e-8), (.keras, 1e-7 / 0.0316227766),
    ] {
      var parameters = HeadParameters(shape: shape, values: [0, 0, 0, 0, 0, 0])
      var optimizer = try Optimizer(.init(convention: convention), parameterCount: 6)
      let gradient: [Float] = [1, -1, 1e-6, -1e-8, 1e-9, 0]
      optimizer.update(&parameters, gradient: gradient, learningRate: 0.001)
      for (value, slope) in zip(parameters.values, gradient) {
        let expected = -0.001 * Double(slope) / (abs(Double(slope)) + epsilon)
        #expect(abs(Double(value) - expected) <= 1e-6 * abs(expected))
      }
    }
  }

  @Test func settingsOutOfRangeAreRefused() {
    for settings in [
      OptimizerSettings(weightDecay: -1), .init(weightDecay: .nan), .init(weightDecay: .infinity),
      .init(momentum: 1), .init(momentum: .nan), .init(beta1: -0.1), .init(beta2: 1),
      .init(epsilon: 0), .init(epsilon: .infinity),
    ] {
      #expect(throws: HeadError.self) { try Optimizer(settings, parameterCount: 4) }
    }
  }

  @Test func statesThatDoNotFitAreRefused() {
    let good: [Float] = [0, 0]
    for state in [
      OptimizerState(step: -1, first: good, second: good), .init(step: 0, first: [0], second: good),
      .init(step: 0, first: good, second: []), .init(step: 0, first: [0, .nan], second: good),
      .init(step: 0, first: good, second: [0, -1]),
      .init(step: 0, first: good, second: [.infinity, 0]),
    ] {
      #expect(throws: HeadError.self) { try Optimizer(.init(), parameterCount: 2, state: state) }
    }
    #expect(throws: HeadError.self) {
      let state = OptimizerState(step: 0, first: good, second: good)
      return try Optimizer(.init(kind: .sgd), parameterCount: 2, state: state)
    }
  }
}

/// The optimizers' formulas element by element.
struct PlainOptimizer {
  let settings: OptimizerSettings
  var values: [Double]
  var first: [Double]
  var second: [Double]
  var step = 0.0

  init(settings: OptimizerSettings, values: [Double]) {
    self.settings = settings
    self.values = values
    first = values.map { _ in 0 }
    second = first
  }

  mutating func update(gradient: [Double], rate: Double) {
    step += 1
    for index in values.indices {
      var slope = gradient[index]
      if settings.kind == .adamw {
        values[index] *= 1 - rate * settings.weightDecay
      } else {
        slope += settings.weightDecay * values[index]
      }
      settings.kind == .sgd ? sgd(index, slope, rate) : adam(index, slope, rate)
    }
  }

  private mutating func sgd(_ index: Int, _ slope: Double, _ rate: Double) {
    switch settings.convention {
    case .pytorch:
      first[index] = settings.momentum * first[index] + slope
      values[index] -= rate * first[index]
    case .keras:
      first[index] = settings.momentum * first[index] - rate * slope
      values[index] += first[index]
    }
  }

  private mutating func adam(_ index: Int, _ slope: Double, _ rate: Double) {
    first[index] = settings.beta1 * first[index] + (1 - settings.beta1) * slope
    second[index] = settings.beta2 * second[index] + (1 - settings.beta2) * slope * slope
    let correction1 = 1 - power(settings.beta1, Int(step))
    let correction2 = 1 - power(settings.beta2, Int(step))
    switch settings.convention {
    case .pytorch:
      values[index] -=
        rate / correction1 * first[index]
        / (second[index].squareRoot() / correction2.squareRoot() + settings.epsilon)
    case .keras:
      values[index] -=
        rate * correction2.squareRoot() / correction1 * first[index]
        / (second[index].squareRoot() + settings.epsilon)
    }
  }
}
