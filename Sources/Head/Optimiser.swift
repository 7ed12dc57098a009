import Kernels

/// The optimiser's method.
public enum OptimiserKind: String, CaseIterable, Codable, Sendable {
  /// Adam; weight decay is added to the gradient (L2).
  case adam
  /// Adam with decoupled weight decay: parameters shrink by learning rate times decay each step.
  case adamw
  /// Stochastic gradient descent with momentum; weight decay is added to the gradient (L2).
  case sgd
}

/// Whose formulas an optimiser follows; they differ in where epsilon and the learning rate enter.
public enum OptimiserConvention: String, CaseIterable, Codable, Sendable {
  /// PyTorch: epsilon is added after the bias correction; velocity does not hold the learning rate.
  case pytorch
  /// Keras: epsilon is added before the bias correction; velocity holds the learning rate.
  case keras

  /// Adam's customary epsilon: 1e-8 in PyTorch, 1e-7 in Keras.
  public var epsilon: Double { self == .pytorch ? 1e-8 : 1e-7 }
}

/// What an optimiser does, apart from the learning rate of a step.
public struct OptimiserSettings: Codable, Equatable, Sendable {
  /// The method.
  public var kind: OptimiserKind
  /// Whose formulas.
  public var convention: OptimiserConvention
  /// The weight decay, at least 0; it acts on weights and biases alike.
  public var weightDecay: Double
  /// SGD's momentum, in [0, 1).
  public var momentum: Double
  /// Adam's decay of the first moment, in [0, 1).
  public var beta1: Double
  /// Adam's decay of the second moment, in [0, 1).
  public var beta2: Double
  /// Adam's epsilon, positive.
  public var epsilon: Double

  /// Settings; `epsilon` is by default that of the convention.
  public init(
    kind: OptimiserKind = .adam, convention: OptimiserConvention = .pytorch,
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
  public func validate() throws(HeadError) {
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

/// What an optimiser remembers between steps.
public struct OptimiserState: Equatable, Sendable {
  /// How many steps have been taken.
  public var step: Int
  /// Adam's first moments, or SGD's velocity; one a parameter.
  public var first: [Float]
  /// Adam's second moments, one a parameter; empty for SGD.
  public var second: [Float]

  /// A state as it was saved.
  public init(step: Int, first: [Float], second: [Float]) {
    self.step = step
    self.first = first
    self.second = second
  }

  /// Whether a run can go on from it: moments must be finite, second ones not negative.
  public var isUsable: Bool {
    first.allSatisfy(\.isFinite) && second.allSatisfy { $0.isFinite && $0 >= 0 }
  }
}

/// Moves parameters against their gradient.
public struct Optimiser: Sendable {
  /// What it does.
  public let settings: OptimiserSettings
  /// What it remembers.
  public private(set) var state: OptimiserState

  /// A fresh optimiser for `parameterCount` parameters.
  ///
  /// - Throws: ``HeadError/setting(_:)``.
  public init(_ settings: OptimiserSettings, parameterCount: Int) throws(HeadError) {
    try settings.validate()
    let zeros = [Float](repeating: 0, count: parameterCount)
    self.settings = settings
    state = OptimiserState(step: 0, first: zeros, second: settings.kind == .sgd ? [] : zeros)
  }

  /// An optimiser that goes on from a saved state.
  ///
  /// - Throws: ``HeadError/setting(_:)`` for settings out of range or a state that does not fit
  ///   `parameterCount` parameters.
  public init(
    _ settings: OptimiserSettings, parameterCount: Int, state: OptimiserState
  ) throws(HeadError) {
    try settings.validate()
    let secondCount = settings.kind == .sgd ? 0 : parameterCount
    guard state.step >= 0, state.first.count == parameterCount, state.second.count == secondCount
    else {
      throw .setting(
        "the saved optimiser state holds \(state.first.count) and \(state.second.count) moments; "
          + "\(settings.kind.rawValue) needs \(parameterCount) and \(secondCount)")
    }
    guard state.isUsable else {
      throw .setting("the saved optimiser state holds a moment that is out of range")
    }
    self.settings = settings
    self.state = state
  }

  /// Takes one step.
  ///
  /// - Precondition: `gradient` has one element a parameter, and the optimiser was made for as
  ///   many.
  public mutating func update(
    _ parameters: inout HeadParameters, gradient: [Float], learningRate: Double
  ) {
    state.step += 1
    switch settings.kind {
    case .adam, .adamw:
      adamStep(learningRate: learningRate).apply(
        gradient: gradient, parameters: &parameters.values, first: &state.first,
        second: &state.second)
    case .sgd:
      momentumStep(learningRate: learningRate).apply(
        gradient: gradient, parameters: &parameters.values, velocity: &state.first)
    }
  }

  private func adamStep(learningRate: Double) -> AdamStep {
    let correction1 = 1 - power(settings.beta1, state.step)
    let root2 = (1 - power(settings.beta2, state.step)).squareRoot()
    let decoupled = settings.kind == .adamw
    var step = AdamStep(
      beta1: settings.beta1, beta2: settings.beta2, l2: decoupled ? 0 : settings.weightDecay,
      keep: decoupled ? 1 - learningRate * settings.weightDecay : 1,
      rate: learningRate / correction1, rootScale: 1 / root2, epsilon: settings.epsilon)
    if settings.convention == .keras {
      step.rate = learningRate * root2 / correction1
      step.rootScale = 1
    }
    return step
  }

  private func momentumStep(learningRate: Double) -> MomentumStep {
    let keras = settings.convention == .keras
    return MomentumStep(
      momentum: settings.momentum, l2: settings.weightDecay, inner: keras ? learningRate : 1,
      outer: keras ? 1 : learningRate)
  }
}
