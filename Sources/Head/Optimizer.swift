/// The optimizer's method; each is a file of its own.
package enum OptimizerKind: String, CaseIterable, Codable, Sendable {
  /// Adam; weight decay is added to the gradient (L2).
  case adam
  /// Adam with decoupled weight decay: parameters shrink by learning rate times decay each step.
  case adamw
  /// Stochastic gradient descent with momentum; weight decay is added to the gradient (L2).
  case sgd

  /// Its arithmetic.
  package var rule: any OptimizerRule {
    switch self {
    case .adam: Adam(isDecoupled: false)
    case .adamw: Adam(isDecoupled: true)
    case .sgd: MomentumSGD()
    }
  }
}

/// The arithmetic of one method.
package protocol OptimizerRule {
  /// Whether it needs ``OptimizerState/second`` besides ``OptimizerState/first``.
  var hasSecondMoment: Bool { get }
  /// Takes the step whose number, from 1, is `state.step`.
  ///
  /// - Precondition: `gradient`, `parameters` and the moments have the same length.
  func update(
    _ parameters: inout [Float], gradient: [Float], state: inout OptimizerState,
    settings: OptimizerSettings, learningRate: Double)
}

/// Whose formulas an optimizer follows; they differ in where epsilon and the learning rate enter.
package enum OptimizerConvention: String, CaseIterable, Codable, Sendable {
  /// PyTorch: epsilon is added after the bias correction; velocity does not hold the learning rate.
  case pytorch
  /// Keras: epsilon is added before the bias correction; velocity holds the learning rate.
  case keras

  /// Adam's customary epsilon: 1e-8 in PyTorch, 1e-7 in Keras.
  package var epsilon: Double { self == .pytorch ? 1e-8 : 1e-7 }
}

/// What an optimizer does, apart from the learning rate of a step.
package struct OptimizerSettings: Codable, Equatable, Sendable {
  /// The method.
  package var kind: OptimizerKind
  /// Whose formulas.
  package var convention: OptimizerConvention
  /// The weight decay, at least 0; it acts on weights and biases alike.
  package var weightDecay: Double
  /// SGD's momentum, in [0, 1).
  package var momentum: Double
  /// Adam's decay of the first moment, in [0, 1).
  package var beta1: Double
  /// Adam's decay of the second moment, in [0, 1).
  package var beta2: Double
  /// Adam's epsilon, positive.
  package var epsilon: Double

  /// Settings; `epsilon` is by default that of the convention.
  package init(
    kind: OptimizerKind = .adam, convention: OptimizerConvention = .pytorch,
    weightDecay: Double = 0, momentum: Double = 0.9, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double? = nil
  ) {
    self.kind = kind
    self.convention = convention
    self.weightDecay = weightDecay
    self.momentum = momentum
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon ?? convention.epsilon
  }

  /// Checks the ranges.
  ///
  /// - Throws: ``HeadError/setting(_:)`` that names the setting and its range.
  package func validate() throws(HeadError) {
    guard weightDecay >= 0, weightDecay.isFinite else {
      throw .setting("the weight decay must be 0 or more, not \(weightDecay)")
    }
    for (name, value) in [("momentum", momentum), ("beta1", beta1), ("beta2", beta2)] {
      guard value >= 0, value < 1 else {
        throw .setting("\(name) must be at least 0 and below 1, not \(value)")
      }
    }
    guard epsilon > 0, epsilon.isFinite else {
      throw .setting("epsilon must be positive, not \(epsilon)")
    }
  }
}

/// What an optimizer remembers between steps.
package struct OptimizerState: Equatable, Sendable {
  /// How many steps have been taken.
  package var step: Int
  /// Adam's first moments, or SGD's velocity; one a parameter.
  package var first: [Float]
  /// Adam's second moments, one a parameter; empty for SGD.
  package var second: [Float]

  /// A state as it was saved.
  package init(step: Int, first: [Float], second: [Float]) {
    self.step = step
    self.first = first
    self.second = second
  }

  /// Whether a run can go on from it: moments must be finite, second ones not negative.
  package var isUsable: Bool {
    first.allSatisfy(\.isFinite) && second.allSatisfy { $0.isFinite && $0 >= 0 }
  }
}

/// Moves parameters against their gradient.
package struct Optimizer: Sendable {
  /// What it does.
  package let settings: OptimizerSettings
  /// What it remembers.
  package private(set) var state: OptimizerState

  /// A fresh optimizer for `parameterCount` parameters.
  ///
  /// - Throws: ``HeadError/setting(_:)``.
  package init(_ settings: OptimizerSettings, parameterCount: Int) throws(HeadError) {
    try settings.validate()
    let zeros = [Float](repeating: 0, count: parameterCount)
    self.settings = settings
    state = OptimizerState(
      step: 0, first: zeros, second: settings.kind.rule.hasSecondMoment ? zeros : [])
  }

  /// An optimizer that goes on from a saved state.
  ///
  /// - Throws: ``HeadError/setting(_:)`` for settings out of range or a state that does not fit
  ///   `parameterCount` parameters.
  package init(
    _ settings: OptimizerSettings, parameterCount: Int, state: OptimizerState
  ) throws(HeadError) {
    try settings.validate()
    let secondCount = settings.kind.rule.hasSecondMoment ? parameterCount : 0
    guard state.step >= 0, state.first.count == parameterCount, state.second.count == secondCount
    else {
      throw .setting(
        "the saved optimizer state holds \(state.first.count) and \(state.second.count) moments; "
          + "\(settings.kind.rawValue) needs \(parameterCount) and \(secondCount)")
    }
    guard state.isUsable else {
      throw .setting("the saved optimizer state holds a moment that is out of range")
    }
    self.settings = settings
    self.state = state
  }

  /// Takes one step.
  ///
  /// - Precondition: `gradient` has one element a parameter, and the optimizer was made for as
  ///   many.
  package mutating func update(
    _ parameters: inout HeadParameters, gradient: [Float], learningRate: Double
  ) {
    precondition(gradient.count == parameters.values.count)
    state.step += 1
    settings.kind.rule.update(
      &parameters.values, gradient: gradient, state: &state, settings: settings,
      learningRate: learningRate)
  }
}
