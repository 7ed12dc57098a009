internal import CHead

/// Adam, in double precision on float state:
///
///     g += l2 * p
///     m = beta1 * m + (1 - beta1) * g
///     v = beta2 * v + (1 - beta2) * g * g
///     p = decay * p - rate * m / (sqrt(v) * rootScale + epsilon)
///
/// (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; decoupled weight decay:
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.)
package struct Adam: OptimizerRule {
  /// Whether weight decay shrinks the parameters instead of being added to the gradient.
  package let isDecoupled: Bool

  package func memory(parameterCount: Int) -> (first: Int, second: Int) {
    (parameterCount, parameterCount)
  }

  package func isPossible(_ state: OptimizerState) -> Bool { state.second.allSatisfy { $0 >= 0 } }

  package func update(
    _ parameters: inout HeadParameters, gradient: [Float], loss: Double,
    state: inout OptimizerState, settings: OptimizerSettings, learningRate: Double
  ) {
    let correction1 = 1 - power(settings.beta1, state.step)
    let root2 = (1 - power(settings.beta2, state.step)).squareRoot()
    let isKeras = settings.convention == .keras
    let step = head_adam_step(
      beta1: settings.beta1, beta2: settings.beta2, l2: isDecoupled ? 0 : settings.weightDecay,
      decay: isDecoupled ? 1 - learningRate * settings.weightDecay : 1,
      rate: isKeras ? learningRate * root2 / correction1 : learningRate / correction1,
      root_scale: isKeras ? 1 : 1 / root2, epsilon: settings.epsilon)
    head_adam(
      step, Int64(gradient.count), gradient, &parameters.values, &state.first, &state.second)
  }
}
