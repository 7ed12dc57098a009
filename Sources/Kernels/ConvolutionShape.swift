/// The extents of a convolution over square maps; its padding is half its kernel.
package struct ConvolutionShape: Hashable, Encodable, Sendable {
  /// Input channels.
  package let inputs: Int
  /// Output channels.
  package let outputs: Int
  /// Height and width of the kernel: 1, 3 or 7.
  package let kernel: Int
  /// Step between output pixels: 1 or 2.
  package let stride: Int

  /// Makes the shape.
  package init(inputs: Int, outputs: Int, kernel: Int, stride: Int) {
    self.inputs = inputs
    self.outputs = outputs
    self.kernel = kernel
    self.stride = stride
  }

  /// Input values that each output value depends on.
  package var depth: Int { kernel * kernel * inputs }

  /// Height and width of the output for an input of `size` pixels a side.
  package func outputSize(of size: Int) -> Int { (size + stride - 1) / stride }
}

/// A convolution with its batch-norm folded in: what is packed for a kernel path.
package struct FoldedConvolution: Sendable {
  /// The extents.
  package let shape: ConvolutionShape
  /// Weights in the order [kernel row][kernel column][input][output].
  package let weights: [Float]
  /// One value an output channel.
  package let bias: [Float]

  /// Makes a convolution.
  ///
  /// - Precondition: `weights` and `bias` have the counts that `shape` says.
  package init(shape: ConvolutionShape, weights: [Float], bias: [Float]) {
    precondition(weights.count == shape.depth * shape.outputs && bias.count == shape.outputs)
    self.shape = shape
    self.weights = weights
    self.bias = bias
  }
}
