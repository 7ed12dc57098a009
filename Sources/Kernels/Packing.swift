internal import CKernels

extension ConvolutionShape {
  /// Biases are read in whole vectors of at most 16 floats.
  var packedBiasCount: Int { (outputs + 15) / 16 * 16 }

  /// Floats of the weights packed for `path`.
  func packedWeightCount(_ path: KernelPath) -> Int {
    guard let panel = path.panel else { return depth * outputs }
    let paddedOutputs = (outputs + panel - 1) / panel * panel
    return (kernel == 3 ? Self.winogradMatrices * inputs : depth) * paddedOutputs
  }

  /// Weight matrices of a 3x3 convolution by Winograd's method.
  private static let winogradMatrices = 36
}

extension KernelPath {
  /// Output channels of a weight panel; nil where weights are plain matrices.
  var panel: Int? { table.map { Int($0.pointee.panel) } }
}

extension FoldedConvolution {
  /// Writes weights and bias in the form that `path` reads.
  func pack(
    for path: KernelPath, weights packed: UnsafeMutablePointer<Float>,
    bias packedBias: UnsafeMutablePointer<Float>
  ) {
    packedBias.update(from: bias, count: bias.count)
    guard let panel = path.panel else {
      packed.update(from: weights, count: weights.count)
      return
    }
    let width = Int32(panel)
    let outputs = Int32(shape.outputs)
    if shape.kernel == 3 {
      avp_pack_winograd(
        weights, Int32(shape.inputs), outputs, Int32(shape.stride), width, packed)
    } else {
      avp_pack_panels(weights, Int32(shape.depth), outputs, width, packed)
    }
  }
}
