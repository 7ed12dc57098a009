import Kernels
import ResNetWeights
import Tensors

extension BackboneNetwork.Convolution {
  /// The convolution with its batch-norm folded in.
  ///
  /// A frozen batch-norm is y = (x - mean) * gamma / sqrt(variance + epsilon) + beta, a scale and
  /// an offset a channel; the scale goes into the weights and the offset becomes the bias. Computed
  /// in double precision.
  ///
  /// - Throws: a `FileError` if a tensor cannot be read, a ``BackboneError`` if it does not
  ///   give finite weights.
  func folded(from source: any TensorSource, epsilon: Double) throws -> FoldedConvolution {
    let weights = try source.floats("\(name).weight").values
    let gamma = try source.floats("\(norm).weight").values
    let beta = try source.floats("\(norm).bias").values
    let mean = try source.floats("\(norm).running_mean").values
    let variance = try source.floats("\(norm).running_var").values
    let scale = zip(gamma, variance).map { Double($0) / (Double($1) + epsilon).squareRoot() }
    let bias = zip(beta, zip(mean, scale)).map { Float(Double($0) - Double($1.0) * $1.1) }
    let folded = FoldedConvolution(
      shape: shape, weights: reordered(weights, scaledBy: scale), bias: bias)
    guard folded.bias.allSatisfy(\.isFinite), folded.weights.allSatisfy(\.isFinite) else {
      throw BackboneError(
        .weights,
        "\(source.path): the tensors \(name).weight and \(norm).* do not give finite weights; "
          + "the file is damaged or the training that made it diverged")
    }
    return folded
  }

  /// From [output][input][row][column] to [row][column][input][output].
  private func reordered(_ weights: [Float], scaledBy scale: [Double]) -> [Float] {
    let area = shape.kernel * shape.kernel
    let outputs = shape.outputs
    let inputs = shape.inputs
    return [Float](unsafeUninitializedCapacity: weights.count) { reordered, count in
      var source = 0
      for output in 0..<outputs {
        for input in 0..<inputs {
          for tap in 0..<area {
            reordered[(tap * inputs + input) * outputs + output] =
              Float(Double(weights[source]) * scale[output])
            source += 1
          }
        }
      }
      count = weights.count
    }
  }
}
