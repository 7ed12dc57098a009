import Tensors

extension AugmentationOperation {
  /// torchvision's `GaussianBlur(13, (0.1, 2))`.
  static let blur = Self(
    name: "blur", stream: 8, placeholder: "P", limits: [0...1],
    help: "probability of a blurred image"
  ) { numbers, random in
    guard random.unit() < numbers[0] else { return .none }
    let sigma = random.uniform(0.1, 2)
    return .pixels { $0.blurred(taps: 13, sigma: sigma) }
  }
}

extension RGBImage {
  /// The image through a Gaussian filter of `taps` by `taps` pixels, mirrored at its edges.
  ///
  /// - Precondition: the image is larger than half the filter.
  func blurred(taps: Int, sigma: Double) -> RGBImage {
    let reach = taps / 2
    let heights = (0..<taps).map { tap in
      exponential(-Double((tap - reach) * (tap - reach)) / (2 * sigma * sigma))
    }
    let sum = heights.reduce(0, +)
    let weights = heights.map { Float($0 / sum) }
    let across = filtered(pixels.map(Float.init), weights, count: width, stride: 3)
    let both = filtered(across, weights, count: height, stride: width * 3)
    return RGBImage(
      width: width, height: height,
      pixels: both.map { UInt8(max(0, min(255, $0.rounded(.toNearestOrEven)))) })
  }

  /// Filters along the direction in which neighbours are `stride` values apart, `count` of them a line.
  private func filtered(
    _ values: [Float], _ weights: [Float], count: Int, stride step: Int
  ) -> [Float] {
    let reach = weights.count / 2
    let last = count - 1
    return [Float](unsafeUninitializedCapacity: values.count) { target, initialized in
      values.withUnsafeBufferPointer { source in
        for start in Swift.stride(from: 0, to: values.count, by: count * step) {
          for index in 0..<count {
            let offset = start + index * step
            for value in 0..<step { target[offset + value] = 0 }
            for (tap, weight) in weights.enumerated() {
              let mirrored = last - abs(last - abs(index + tap - reach))
              let from = start + mirrored * step
              for value in 0..<step { target[offset + value] += weight * source[from + value] }
            }
          }
        }
      }
      initialized = values.count
    }
  }
}

/// e to a power of at most 0, of operations whose rounding IEEE 754 fixes.
private func exponential(_ exponent: Double) -> Double {
  let whole = exponent.rounded(.up)
  guard whole > -100 else { return 0 }
  let inverse = 0.36787944117144233
  return (0..<Int(-whole)).reduce(fractionalPower(inverse, whole - exponent)) { product, _ in
    product * inverse
  }
}
