import ResNet
import ResNetWeights
import Tensors

/// A ResNet in double precision, written from its definition: convolutions as sums, batch-norm not
/// folded. What every kernel path is held against.
struct ReferenceNetwork {
  let source: any TensorSource
  let conventions: WeightConventions

  /// Maps of one image: [row][column][channel].
  struct Maps {
    var size: Int
    var channels: Int
    var values: [Double]
  }

  /// The channel means after the last of `stages` stages.
  func features(of image: [Float], size: Int, stages: Int) throws -> [Double] {
    var maps = Maps(size: size, channels: 3, values: image.map(Double.init))
    maps = pool(relu(try normalised("conv1", "bn1", maps, kernel: 7, stride: 2)))
    for stage in 1...stages {
      var block = 0
      while source.shape(of: "layer\(stage).\(block).conv1.weight") != nil {
        let stride = stage > 1 && block == 0 ? 2 : 1
        maps = try bottleneck("layer\(stage).\(block)", maps, stride: stride)
        block += 1
      }
    }
    let pixels = maps.size * maps.size
    return (0..<maps.channels).map { channel in
      (0..<pixels).reduce(0) { $0 + maps.values[$1 * maps.channels + channel] } / Double(pixels)
    }
  }

  private func bottleneck(_ name: String, _ input: Maps, stride: Int) throws -> Maps {
    let first = conventions.stridePosition == .firstConvolution ? stride : 1
    let reduced = relu(
      try normalised("\(name).conv1", "\(name).bn1", input, kernel: 1, stride: first))
    let filtered = relu(
      try normalised(
        "\(name).conv2", "\(name).bn2", reduced, kernel: 3, stride: stride / first))
    var output = try normalised("\(name).conv3", "\(name).bn3", filtered, kernel: 1, stride: 1)
    var shortcut = input
    if source.shape(of: "\(name).downsample.0.weight") != nil {
      shortcut = try normalised(
        "\(name).downsample.0", "\(name).downsample.1", input, kernel: 1, stride: stride)
    }
    for index in output.values.indices { output.values[index] += shortcut.values[index] }
    return relu(output)
  }

  private func relu(_ maps: Maps) -> Maps {
    var maps = maps
    for index in maps.values.indices { maps.values[index] = max(0, maps.values[index]) }
    return maps
  }

  private func pool(_ input: Maps) -> Maps {
    let half = conventions.maxPool == .unpadded ? (input.size - 3) / 2 + 1 : input.size / 2
    let offset = conventions.maxPool == .padded ? -1 : 0
    var output = Maps(size: half, channels: input.channels, values: [])
    for y in 0..<half {
      for x in 0..<half {
        for channel in 0..<input.channels {
          var maximum = -Double.infinity
          for row in 2 * y + offset...2 * y + offset + 2 where (0..<input.size).contains(row) {
            for column in 2 * x + offset...2 * x + offset + 2
            where (0..<input.size).contains(column) {
              let value = input.values[(row * input.size + column) * input.channels + channel]
              maximum = max(maximum, value)
            }
          }
          output.values.append(maximum)
        }
      }
    }
    return output
  }

  private func normalised(
    _ name: String, _ norm: String, _ input: Maps, kernel: Int, stride: Int
  ) throws -> Maps {
    let weights = try source.floats("\(name).weight")
    var output = convolution(
      input, weights.values.map(Double.init), outputs: weights.shape[0], kernel, stride)
    let gamma = try source.floats("\(norm).weight").values.map(Double.init)
    let beta = try source.floats("\(norm).bias").values.map(Double.init)
    let mean = try source.floats("\(norm).running_mean").values.map(Double.init)
    let variance = try source.floats("\(norm).running_var").values.map(Double.init)
    for index in output.values.indices {
      let channel = index % output.channels
      output.values[index] =
        (output.values[index] - mean[channel]) * gamma[channel]
        / (variance[channel] + conventions.batchNormEpsilon).squareRoot() + beta[channel]
    }
    return output
  }
}

/// The convolution sum; `weights` are [output][input][row][column].
private func convolution(
  _ input: ReferenceNetwork.Maps, _ weights: [Double], outputs: Int, _ kernel: Int, _ stride: Int
) -> ReferenceNetwork.Maps {
  let size = (input.size + kernel / 2 * 2 - kernel) / stride + 1
  let channels = input.channels
  let area = kernel * kernel
  // [row][column][input][output], so that the innermost loop runs along memory.
  var turned = [Double](repeating: 0, count: weights.count)
  for output in 0..<outputs {
    for inner in 0..<channels * area {
      turned[(inner % area * channels + inner / area) * outputs + output] =
        weights[output * channels * area + inner]
    }
  }
  var values = [Double](repeating: 0, count: size * size * outputs)
  values.withUnsafeMutableBufferPointer { values in
    for pixel in 0..<size * size {
      let sums = UnsafeMutableBufferPointer(
        rebasing: values[pixel * outputs..<(pixel + 1) * outputs])
      for tap in 0..<area {
        let y = pixel / size * stride + tap / kernel - kernel / 2
        let x = pixel % size * stride + tap % kernel - kernel / 2
        guard (0..<input.size).contains(y), (0..<input.size).contains(x) else { continue }
        for channel in 0..<channels {
          let factor = input.values[(y * input.size + x) * channels + channel]
          if factor == 0 { continue }
          let row = (tap * channels + channel) * outputs
          for output in 0..<outputs { sums[output] += factor * turned[row + output] }
        }
      }
    }
  }
  return ReferenceNetwork.Maps(size: size, channels: outputs, values: values)
}
