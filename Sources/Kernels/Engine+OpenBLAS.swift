internal import CKernels

/// Convolutions as OpenBLAS matrix products over gathered neighbourhoods.
///
/// Plain on purpose: it serves processors that our kernels do not know, and it is the independent
/// computation that the tests hold the other paths against.
extension Engine {
  /// Floats that are gathered at a time: what stays in the second level cache or just above it.
  private var gatheredFloats: Int { 1 << 19 }

  /// conv1 on a framed image.
  func multiplyStem(_ operands: avp_convolution, _ workspace: Workspace) {
    let pixels = Int(operands.size / 2) * Int(operands.size / 2)
    workspace.measure(.stem, operations: operations(operands, pixels: pixels, depth: 147)) {
      multiplyGathered(operands, pixels: pixels, depth: 147, workspace) { first, count in
        withUnsafePointer(to: operands) {
          avp_gather_stem($0, Int32(first), Int32(count), workspace.scratch.transformed)
        }
      }
    }
  }

  /// A 1x1 or 3x3 convolution, one image after another so that each one's bits are its own.
  func multiply(_ operands: avp_convolution, kernel: Int, _ workspace: Workspace) {
    let layer: LayerClass = kernel == 1 ? .pointwise : operands.stride == 1 ? .products : .strided
    let pixels = Int(operands.images) * outputSize(operands).squared
    let depth = kernel * kernel * Int(operands.inputs)
    workspace.measure(layer, operations: operations(operands, pixels: pixels, depth: depth)) {
      multiplyImages(operands, kernel: kernel, workspace)
    }
  }

  private func outputSize(_ operands: avp_convolution) -> Int {
    withUnsafePointer(to: operands) { Int(avp_output_size($0)) }
  }

  private func operations(_ operands: avp_convolution, pixels: Int, depth: Int) -> Double {
    2 * Double(pixels) * Double(depth) * Double(operands.outputs)
  }

  private func multiplyImages(
    _ operands: avp_convolution, kernel: Int, _ workspace: Workspace
  ) {
    let inputPixels = Int(operands.size * operands.size)
    let outputPixels = outputSize(operands).squared
    for image in 0..<Int(operands.images) {
      var one = operands
      one.images = 1
      one.input += image * inputPixels * operands.input_stride
      one.output += image * outputPixels * operands.output_stride
      if kernel == 1 && operands.stride == 1 {
        multiplyInPlace(one, pixels: outputPixels)
      } else {
        let depth = kernel * kernel * Int(operands.inputs)
        multiplyGathered(one, pixels: outputPixels, depth: depth, workspace) {
          [one] first, count in
          withUnsafePointer(to: one) {
            avp_gather_neighbourhoods(
              $0, Int32(kernel), Int32(first), Int32(count), workspace.scratch.transformed)
          }
        }
      }
    }
  }

  private func multiplyInPlace(_ operands: avp_convolution, pixels: Int) {
    var operands = operands
    product(
      operands, rows: operands.input, rowStride: operands.input_stride, first: 0, count: pixels,
      depth: Int(operands.inputs))
    avp_finish_pixels(&operands, 0, pixels)
  }

  private func multiplyGathered(
    _ operands: avp_convolution, pixels: Int, depth: Int, _ workspace: Workspace,
    gather: (Int, Int) -> Void
  ) {
    var operands = operands
    let block = max(1, min(pixels, gatheredFloats / depth))
    for first in stride(from: 0, to: pixels, by: block) {
      let count = min(block, pixels - first)
      gather(first, count)
      product(
        operands, rows: workspace.scratch.transformed, rowStride: depth, first: first, count: count,
        depth: depth)
      avp_finish_pixels(&operands, first, count)
    }
  }

  /// output[first ..< first + count] = rows * weights, or += where the layer accumulates.
  private func product(
    _ operands: avp_convolution, rows: UnsafePointer<Float>, rowStride: Int, first: Int,
    count: Int, depth: Int
  ) {
    guard let library = OpenBLAS.loaded else { preconditionFailure("the path was checked") }
    library.multiply(
      OpenBLAS.rowMajor, OpenBLAS.notTransposed, OpenBLAS.notTransposed, Int32(count),
      Int32(operands.outputs), Int32(depth), 1, rows, Int32(rowStride), operands.weights,
      Int32(operands.outputs), operands.accumulate == 0 ? 0 : 1,
      operands.output + first * operands.output_stride, Int32(operands.output_stride))
  }
}

extension Int {
  fileprivate var squared: Int { self * self }
}
