import Testing

@testable import Kernels

/// Every kind of layer alone against its definition, on every path and in the shape of AVX-512:
/// widths that fill no panel, sizes that no tile divides, and poison wherever a kernel must not
/// read.
@Suite struct SingleLayerTests {
  private static let widths = [(8, 24), (24, 40), (40, 72), (72, 136), (136, 8)]
  private let workspace: Workspace

  init() throws { workspace = try Workspace(WorkspaceLayout()) }

  private func check(_ layer: SingleLayer) throws {
    let expected = layer.expected()
    for kernels in TestedKernels.available {
      let error = relativeError(try layer.computed(by: kernels, workspace), expected)
      #expect(error <= 1e-5, "\(kernels): \(layer.shape), \(layer.size) pixels a side")
    }
  }

  @Test(arguments: widths) func pointwise(inputs: Int, outputs: Int) throws {
    for stride in 1...2 {
      let shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: 1, stride: stride)
      for size in [3, 4, 5, 7, 13] {
        try check(SingleLayer(shape, size: size))
        try check(SingleLayer(shape, size: size, accumulates: true, relu: true))
      }
    }
  }

  /// Depths beyond one block of the kernels, and more pixels than one block has.
  @Test func deepAndLargePointwise() throws {
    for (inputs, outputs, size) in [(520, 40, 3), (40, 264, 3), (16, 24, 25)] {
      let shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: 1, stride: 1)
      try check(SingleLayer(shape, size: size, accumulates: true))
    }
  }

  @Test(arguments: widths) func threeByThree(inputs: Int, outputs: Int) throws {
    let shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: 3, stride: 1)
    for size in [2, 3, 4, 5, 6, 7, 9, 13] {
      try check(SingleLayer(shape, size: size, relu: size % 2 == 0))
    }
  }

  @Test(arguments: widths) func threeByThreeWithStride(inputs: Int, outputs: Int) throws {
    let shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: 3, stride: 2)
    for size in [3, 4, 5, 6, 7, 9, 10, 13, 17] {
      try check(SingleLayer(shape, size: size, relu: size % 2 == 0))
    }
  }
}
