internal import CHead

/// Stochastic gradient descent with momentum, in double precision on float state:
///
///     g += l2 * p
///     u = momentum * u + inner * g
///     p = p - outer * u
///
/// PyTorch multiplies the velocity `u` by the learning rate as it leaves (`outer`), Keras the
/// gradient as it enters (`inner`).
package struct MomentumSGD: OptimizerRule {
  package func memory(parameterCount: Int) -> (first: Int, second: Int) { (parameterCount, 0) }

  package func update(
    _ parameters: inout HeadParameters, gradient: [Float], loss: Double,
    state: inout OptimizerState, settings: OptimizerSettings, learningRate: Double
  ) {
    let isKeras = settings.convention == .keras
    let step = head_sgd_step(
      momentum: settings.momentum, l2: settings.weightDecay, inner: isKeras ? learningRate : 1,
      outer: isKeras ? 1 : learningRate)
    head_sgd(step, Int64(gradient.count), gradient, &parameters.values, &state.first)
  }
}
