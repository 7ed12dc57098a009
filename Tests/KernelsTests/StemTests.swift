import CKernels
import ResNetWeights
import Testing

@testable import Kernels

/// conv1 and the max-pooling behind it against their definition.
@Suite struct StemTests {
  private static let size = 22

  /// A layer that sees a NaN in one place of the image, if it is wanted.
  private func layer(outputs: Int, withNaN: Bool = false) -> SingleLayer {
    var layer = SingleLayer(
      ConvolutionShape(inputs: 3, outputs: outputs, kernel: 7, stride: 2), size: Self.size,
      images: 1, relu: true)
    if withNaN { layer.input[(9 * Self.size + 12) * 3 + 1] = .nan }
    return layer
  }

  /// Maxima of windows of 3 x 3, of which only what lies inside counts; NaN where one is in it.
  private func pooled(_ layer: SingleLayer, _ pooling: WeightConventions.MaxPool) -> [Double] {
    let (values, size, channels) = (layer.expected(), layer.outputSize, layer.shape.outputs)
    let offset = pooling == .padded ? -1 : 0
    let side = pooling.outputSize(of: size)
    return (0..<side * side * channels).map { place in
      let (x, y) = (place / channels % side, place / channels / side)
      let rows = (2 * y + offset...2 * y + offset + 2).filter { (0..<size).contains($0) }
      let columns = (2 * x + offset...2 * x + offset + 2).filter { (0..<size).contains($0) }
      let window = rows.flatMap { row in
        columns.map { values[(row * size + $0) * channels + place % channels] }
      }
      return window.contains(where: \.isNaN) ? .nan : window.max() ?? .nan
    }
  }

  private func computed(
    _ layer: SingleLayer, _ pooling: WeightConventions.MaxPool, by kernels: TestedKernels
  ) throws -> [Float]? {
    let side = pooling.outputSize(of: layer.outputSize)
    var framed = [Float](
      repeating: 0, count: WorkspaceLayout.framedFloats(size: Self.size))
    avp_frame_image(layer.input, Int32(Self.size), &framed)
    var between = PaddedMaps(
      pixels: layer.outputSize * layer.outputSize, channels: layer.shape.outputs)
    var output = PaddedMaps(pixels: side * side, channels: layer.shape.outputs)
    let stride = output.stride
    let workspace = try Workspace(WorkspaceLayout())
    try framed.withUnsafeBufferPointer { framed in
      try layer.packed(for: kernels).withUnsafeBufferPointer { weights in
        try layer.paddedBias.withUnsafeBufferPointer { bias in
          try between.withPixels { between in
            try output.withPixels { output in
              var convolution = avp_convolution(
                input: framed.baseAddress, output: between, weights: weights.baseAddress,
                bias: bias.baseAddress, input_stride: 0, output_stride: stride, images: 1,
                size: Int32(Self.size), inputs: 3, outputs: Int32(layer.shape.outputs), stride: 2,
                accumulate: 0, relu: 1)
              var pool = avp_max_pool(
                input: between, output: output, input_stride: stride, output_stride: stride,
                size: Int32(layer.outputSize), output_size: Int32(side),
                channels: Int32(layer.shape.outputs), offset: pooling == .padded ? -1 : 0)
              if let table = kernels.table {
                table.pointee.stem(&convolution, &pool, &workspace.scratch)
              } else {
                try Engine.openblas().multiplyStem(convolution, workspace)
                avp_pool_maxima(&pool)
              }
            }
          }
        }
      }
    }
    return between.isIntact && output.isIntact ? output.values : nil
  }

  @Test(
    arguments: TestedKernels.available, [WeightConventions.MaxPool.padded, .ceiling, .unpadded])
  func agreesWithTheDefinition(kernels: TestedKernels, pooling: WeightConventions.MaxPool) throws {
    for outputs in [8, 24, 72] {
      let layer = layer(outputs: outputs)
      let values = try computed(layer, pooling, by: kernels)
      #expect(relativeError(values, pooled(layer, pooling)) <= 1e-5)
    }
  }

  /// A later number must not take the place of a NaN, whatever the order in a window.
  @Test(
    arguments: TestedKernels.available, [WeightConventions.MaxPool.padded, .ceiling, .unpadded])
  func aNaNStaysInEveryWindowThatSeesIt(
    kernels: TestedKernels, pooling: WeightConventions.MaxPool
  ) throws {
    let layer = layer(outputs: 24, withNaN: true)
    let values = try computed(layer, pooling, by: kernels)
    let expected = pooled(layer, pooling).map(\.isNaN)
    #expect(expected.contains(true) && expected.contains(false))
    let wrong = zip(try #require(values), expected).count { $0.isNaN != $1 }
    #expect(wrong == 0)
  }
}
