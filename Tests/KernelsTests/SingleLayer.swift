import CKernels
import CKernelsWide
import Tensors

@testable import Kernels

/// The kernels of a path, and beside them those in the shape of AVX-512 that any processor can run.
enum TestedKernels: String, CaseIterable, Sendable {
  case portable, openblas, avx2, avx512, wide

  /// Those that this processor can run.
  static let available = allCases.filter { $0 == .openblas || $0.table != nil }

  /// nil for OpenBLAS.
  var table: UnsafePointer<avp_kernels>? {
    self == .wide ? avp_kernels_wide() : KernelPath(rawValue: rawValue)?.table
  }
}

/// One convolution with random operands, computed by the kernels and by the definition.
struct SingleLayer {
  let shape: ConvolutionShape
  let size: Int
  let images: Int
  let accumulates: Bool
  let relu: Bool
  /// [image][row][column][channel]
  var input: [Float]
  /// [kernel row][kernel column][input][output]
  let weights: [Float]
  let bias: [Float]
  /// What the output holds before, if it is accumulated.
  let before: [Float]

  init(
    _ shape: ConvolutionShape, size: Int, images: Int = 2, accumulates: Bool = false,
    relu: Bool = false
  ) {
    self.shape = shape
    self.size = size
    self.images = images
    self.accumulates = accumulates
    self.relu = relu
    var random = CounterRandom(seed: 1, purpose: .randomBackbone, index: size)
    func numbers(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float(random.uniform(-1, 1)) }
    }
    let pixels = shape.outputSize(of: size) * shape.outputSize(of: size)
    input = numbers(images * size * size * shape.inputs)
    weights = numbers(shape.depth * shape.outputs)
    bias = numbers(shape.outputs)
    before = accumulates ? numbers(images * pixels * shape.outputs) : []
  }

  var outputSize: Int { shape.outputSize(of: size) }

  /// The convolution sum in double precision; what lies outside an image counts as zero.
  func expected() -> [Double] {
    let (inputs, outputs, kernel) = (shape.inputs, shape.outputs, shape.kernel)
    let values = input.map(Double.init)
    let factors = weights.map(Double.init)
    var result: [Double] = []
    for image in 0..<images {
      for pixel in 0..<outputSize * outputSize {
        var sums = bias.map(Double.init)
        for tap in 0..<kernel * kernel {
          let y = pixel / outputSize * shape.stride + tap / kernel - kernel / 2
          let x = pixel % outputSize * shape.stride + tap % kernel - kernel / 2
          guard (0..<size).contains(y), (0..<size).contains(x) else { continue }
          for channel in 0..<inputs {
            let value = values[((image * size + y) * size + x) * inputs + channel]
            let row = (tap * inputs + channel) * outputs
            for output in 0..<outputs { sums[output] += value * factors[row + output] }
          }
        }
        result += sums
      }
    }
    if accumulates { for place in result.indices { result[place] += Double(before[place]) } }
    return relu ? result.map { $0 < 0 ? 0 : $0 } : result
  }
}

// MARK: - Computing

/// A NaN that no arithmetic makes.
private let poison = Float(bitPattern: 0x7FC1_2345)
/// Floats before and behind a map that nobody may write.
private let guardFloats = 64

/// Maps as the kernels take them, with poison in the padding of each pixel and around the whole.
struct PaddedMaps {
  let channels: Int
  var memory: [Float]
  var stride: Int { FeatureMap.pixelStride(channels: channels) }

  /// - Parameter values: [pixel][channel]; nil for poison.
  init(pixels: Int, channels: Int, values: [Float]? = nil) {
    self.channels = channels
    let stride = FeatureMap.pixelStride(channels: channels)
    memory = Array(repeating: poison, count: pixels * stride + 2 * guardFloats)
    guard let values else { return }
    for (place, value) in values.enumerated() {
      memory[guardFloats + place / channels * stride + place % channels] = value
    }
  }

  /// [pixel][channel]
  var values: [Float] {
    let pixels = (memory.count - 2 * guardFloats) / stride
    return (0..<pixels).flatMap { pixel in
      memory[(guardFloats + pixel * stride)...].prefix(channels)
    }
  }

  /// Whether what lies around the maps is as it was.
  var isIntact: Bool {
    (memory.prefix(guardFloats) + memory.suffix(guardFloats))
      .allSatisfy { $0.bitPattern == poison.bitPattern }
  }

  /// Calls `work` with the first pixel.
  mutating func withPixels<Result>(
    _ work: (UnsafeMutablePointer<Float>) throws -> Result
  ) rethrows -> Result? {
    try memory.withUnsafeMutableBufferPointer { memory in
      try memory.baseAddress.map { try work($0 + guardFloats) }
    }
  }
}

extension SingleLayer {
  /// The layer's output by `kernels`; nil if they wrote where they must not.
  func computed(by kernels: TestedKernels, _ workspace: Workspace) throws -> [Float]? {
    let channels = (shape.inputs, shape.outputs)
    var inputs = PaddedMaps(pixels: images * size * size, channels: channels.0, values: input)
    var outputs = PaddedMaps(
      pixels: images * outputSize * outputSize, channels: channels.1,
      values: accumulates ? before : nil)
    let untouched = inputs.memory.map(\.bitPattern)
    let strides = (inputs.stride, outputs.stride)
    workspace.poisonScratch()
    try packed(for: kernels).withUnsafeBufferPointer { packed in
      try paddedBias.withUnsafeBufferPointer { bias in
        try inputs.withPixels { input in
          try outputs.withPixels { output in
            var operands = operands
            operands.input = UnsafePointer(input)
            operands.output = output
            operands.weights = packed.baseAddress
            operands.bias = bias.baseAddress
            (operands.input_stride, operands.output_stride) = strides
            try run(operands, kernels, workspace)
          }
        }
      }
    }
    guard outputs.isIntact, inputs.memory.map(\.bitPattern) == untouched else { return nil }
    return outputs.values
  }

  private var operands: avp_convolution {
    var operands = avp_convolution()
    operands.size = Int32(size)
    operands.images = Int32(images)
    operands.inputs = Int32(shape.inputs)
    operands.outputs = Int32(shape.outputs)
    operands.stride = Int32(shape.stride)
    operands.accumulate = accumulates ? 1 : 0
    operands.relu = relu ? 1 : 0
    return operands
  }

  private func run(
    _ operands: avp_convolution, _ kernels: TestedKernels, _ workspace: Workspace
  ) throws {
    var operands = operands
    if let table = kernels.table {
      let kernel = shape.kernel == 1 ? table.pointee.pointwise : table.pointee.convolve_3x3
      kernel?(&operands, &workspace.scratch)
    } else {
      try Engine.openblas().multiply(operands, kernel: shape.kernel, workspace)
    }
  }

  /// The bias in whole vectors.
  var paddedBias: [Float] {
    bias + Array(repeating: 0, count: shape.packedBiasCount - bias.count)
  }

  /// The weights as `kernels` read them.
  func packed(for kernels: TestedKernels) -> [Float] {
    guard let panel = kernels.table.map({ Int($0.pointee.panel) }) else { return weights }
    let outputs = (shape.outputs + panel - 1) / panel * panel
    let depth = shape.kernel == 3 ? 36 * shape.inputs : shape.depth
    var packed = [Float](repeating: poison, count: depth * outputs)
    if shape.kernel == 3 {
      avp_pack_winograd(
        weights, Int32(shape.inputs), Int32(shape.outputs), Int32(shape.stride), Int32(panel),
        &packed)
    } else {
      avp_pack_panels(weights, Int32(shape.depth), Int32(shape.outputs), Int32(panel), &packed)
    }
    return packed
  }
}

extension Engine {
  /// An engine without weights of its own.
  static func openblas() throws -> Engine {
    Engine(.openblas, try PackedArrays(PackedLayout(kernels: "openblas")) { _ in })
  }
}

extension Workspace {
  /// Fills what layers leave behind, so that nothing can be taken from there.
  func poisonScratch() {
    for memory in [scratch.transformed, scratch.products] {
      memory?.update(repeating: poison, count: Self.tileFloats)
    }
  }
}

/// The largest difference, relative to the largest expected value; infinite where a number is
/// missing or not a number.
func relativeError(_ values: [Float]?, _ expected: [Double]) -> Double {
  guard let values, values.count == expected.count else { return .infinity }
  let largest = expected.map(abs).max() ?? 0
  return zip(values, expected).reduce(0) { worst, pair in
    let error = abs(Double(pair.0) - pair.1) / largest
    return error.isNaN ? .infinity : max(worst, error)
  }
}
