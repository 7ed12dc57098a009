internal import CKernels

/// One step of Adam over an array of parameters, computed in double precision on float state:
///
///     g += l2 * p
///     m = beta1 * m + (1 - beta1) * g
///     v = beta2 * v + (1 - beta2) * g * g
///     p = keep * p - rate * m / (sqrt(v) * rootScale + epsilon)
///
/// (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.) Decoupled weight decay is a
/// `keep` below 1.
public struct AdamStep: Sendable {
  /// The decay of the first moment, in [0, 1).
  public var beta1: Double
  /// The decay of the second moment, in [0, 1).
  public var beta2: Double
  /// The factor of the parameters that is added to the gradient.
  public var l2: Double
  /// The factor that parameters keep.
  public var keep: Double
  /// The learning rate with its bias correction.
  public var rate: Double
  /// The bias correction of the root of the second moment.
  public var rootScale: Double
  /// What is added to the root.
  public var epsilon: Double

  /// A step with these factors.
  public init(
    beta1: Double, beta2: Double, l2: Double, keep: Double, rate: Double, rootScale: Double,
    epsilon: Double
  ) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.l2 = l2
    self.keep = keep
    self.rate = rate
    self.rootScale = rootScale
    self.epsilon = epsilon
  }

  /// Applies the step.
  ///
  /// - Precondition: all arrays have the same length.
  public func apply(
    gradient: [Float], parameters: inout [Float], first: inout [Float], second: inout [Float]
  ) {
    let count = parameters.count
    precondition(gradient.count == count && first.count == count && second.count == count)
    let step = head_adam_step(
      beta1: beta1, beta2: beta2, l2: l2, keep: keep, rate: rate, root_scale: rootScale,
      epsilon: epsilon)
    head_adam(step, Int64(count), gradient, &parameters, &first, &second)
  }
}

/// One step of stochastic gradient descent with momentum, computed in double precision on float
/// state:
///
///     g += l2 * p
///     u = momentum * u + inner * g
///     p = p - outer * u
public struct MomentumStep: Sendable {
  /// The decay of the velocity `u`, in [0, 1).
  public var momentum: Double
  /// The factor of the parameters that is added to the gradient.
  public var l2: Double
  /// The factor of the gradient as it enters the velocity.
  public var inner: Double
  /// The factor of the velocity as it leaves the parameters.
  public var outer: Double

  /// A step with these factors.
  public init(momentum: Double, l2: Double, inner: Double, outer: Double) {
    self.momentum = momentum
    self.l2 = l2
    self.inner = inner
    self.outer = outer
  }

  /// Applies the step.
  ///
  /// - Precondition: all arrays have the same length.
  public func apply(gradient: [Float], parameters: inout [Float], velocity: inout [Float]) {
    let count = parameters.count
    precondition(gradient.count == count && velocity.count == count)
    let step = head_sgd_step(momentum: momentum, l2: l2, inner: inner, outer: outer)
    head_sgd(step, Int64(count), gradient, &parameters, &velocity)
  }
}
