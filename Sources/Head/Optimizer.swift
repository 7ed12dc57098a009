/// The optimizer's method; each is a file of its own.
package enum OptimizerKind: String, CaseIterable, Codable, Sendable {
  /// Adam; weight decay is added to the gradient (L2).
  case adam
  /// Adam with decoupled weight decay: parameters shrink by learning rate times decay each step.
  case adamw
  /// Stochastic gradient descent with momentum; weight decay is added to the gradient (L2).
  case sgd
  /// Limited-memory BFGS on the whole set, a step an epoch, to the minimum; weight decay is that of
  /// weights, not of biases.
  case lbfgs

  /// Its arithmetic.
  package var rule: any OptimizerRule {
    switch self {
    case .adam: Adam(isDecoupled: false)
    case .adamw: Adam(isDecoupled: true)
    case .sgd: MomentumSGD()
    case .lbfgs: LimitedMemoryBFGS()
    }
  }

  /// Whether it takes a step an epoch, on the gradient of all its samples, and knows when it has
  /// arrived.
  package var takesWholeEpochs: Bool { self == .lbfgs }
}

/// The arithmetic of one method.
package protocol OptimizerRule {
  /// How many numbers ``OptimizerState/first`` and ``OptimizerState/second`` hold.
  func memory(parameterCount: Int) -> (first: Int, second: Int)
  /// How many numbers ``OptimizerState/scalars`` holds; all are 0 at first.
  var scalarCount: Int { get }
  /// Whether a run can have had this state, whose lengths are right and whose numbers are finite.
  func isPossible(_ state: OptimizerState) -> Bool
  /// Whether further steps would change nothing; never with methods that do not know.
  func hasArrived(_ state: OptimizerState) -> Bool
  /// Takes the step whose number, from 1, is `state.step`.
  ///
  /// - Parameter loss: the mean loss whose gradient it is.
  /// - Precondition: `gradient` and the memory have the lengths that belong to `parameters`.
  func update(
    _ parameters: inout HeadParameters, gradient: [Float], loss: Double,
    state: inout OptimizerState, settings: OptimizerSettings, learningRate: Double)
}

extension OptimizerRule {
  package var scalarCount: Int { 0 }
  package func isPossible(_ state: OptimizerState) -> Bool { true }
  package func hasArrived(_ state: OptimizerState) -> Bool { false }
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
  /// Adam's second moments, one a parameter; empty for SGD. What L-BFGS keeps in these is said there.
  package var second: [Float]
  /// What L-BFGS remembers in single numbers; empty for others.
  package var scalars: [Double]

  /// A state as it was saved.
  package init(step: Int, first: [Float], second: [Float], scalars: [Double] = []) {
    self.step = step
    self.scalars = scalars
    self.first = first
    self.second = second
  }

  /// Whether a run can go on from it: everything must be finite.
  package var isUsable: Bool {
    first.areFinite && second.areFinite && scalars.allSatisfy(\.isFinite)
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
    let memory = settings.kind.rule.memory(parameterCount: parameterCount)
    self.settings = settings
    state = OptimizerState(
      step: 0, first: [Float](repeating: 0, count: memory.first),
      second: [Float](repeating: 0, count: memory.second),
      scalars: [Double](repeating: 0, count: settings.kind.rule.scalarCount))
  }

  /// An optimizer that goes on from a saved state.
  ///
  /// - Throws: ``HeadError/setting(_:)`` for settings out of range or a state that does not fit
  ///   `parameterCount` parameters.
  package init(
    _ settings: OptimizerSettings, parameterCount: Int, state: OptimizerState
  ) throws(HeadError) {
    try settings.validate()
    let rule = settings.kind.rule
    let memory = rule.memory(parameterCount: parameterCount)
    guard state.step >= 0, (state.first.count, state.second.count) == memory else {
      throw .setting(
        "the saved optimizer state holds \(state.first.count) and \(state.second.count) moments; "
          + "\(settings.kind.rawValue) needs \(memory.first) and \(memory.second)")
    }
    guard state.isUsable, state.scalars.count == rule.scalarCount, rule.isPossible(state) else {
      throw .setting("the saved optimizer state holds a moment that is out of range")
    }
    self.settings = settings
    self.state = state
  }

  /// Takes one step.
  ///
  /// - Parameter loss: the mean loss whose gradient it is, which L-BFGS needs.
  /// - Precondition: `gradient` has one element a parameter, and the optimizer was made for as
  ///   many.
  package mutating func update(
    _ parameters: inout HeadParameters, gradient: [Float], loss: Double = 0, learningRate: Double
  ) {
    precondition(gradient.count == parameters.values.count)
    state.step += 1
    settings.kind.rule.update(
      &parameters, gradient: gradient, loss: loss, state: &state, settings: settings,
      learningRate: learningRate)
  }

  /// Back to what a fresh optimizer remembers.
  package mutating func forget() {
    state.first = state.first.map { _ in 0 }
    state.second = state.second.map { _ in 0 }
    state.scalars = state.scalars.map { _ in 0 }
  }

  /// Whether further steps would change nothing; never with methods that do not know.
  package var hasArrived: Bool { settings.kind.rule.hasArrived(state) }
}
