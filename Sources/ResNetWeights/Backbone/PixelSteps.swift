import Tensors

/// What a row of operations makes of a pixel, one channel after the other, put together to one
/// ``Normalisation``.
package struct PixelSteps {
  private var pixels = Normalisation(
    channelOrder: .rgb, scale: 1, mean: [0, 0, 0], std: [1, 1, 1])

  /// Multiplies each channel by its number.
  package mutating func multiply(by factors: SIMD3<Double>) {
    if isScaled(by: factors) {
      pixels.scale *= factors[0]
    } else {
      pixels.std /= factors
    }
  }

  /// Divides each channel by its number.
  package mutating func divide(by divisors: SIMD3<Double>) {
    if isScaled(by: divisors) {
      pixels.scale /= divisors[0]
    } else {
      pixels.std *= divisors
    }
  }

  /// Adds its number to each channel.
  package mutating func add(_ numbers: SIMD3<Double>) {
    pixels.mean -= numbers * pixels.std
  }

  /// Puts the last channel first.
  package mutating func reverseChannels() {
    pixels.channelOrder = pixels.channelOrder == .rgb ? .bgr : .rgb
    pixels.mean = pixels.mean[[2, 1, 0]]
    pixels.std = pixels.std[[2, 1, 0]]
  }

  /// All of it, with pixels in 0 ... 1 or in 0 ... 255; nil where that cannot be: for factors below
  /// zero, for zero and for numbers that are none.
  package var convention: Normalisation? {
    var pixels = pixels
    if pixels.scale != 1 {
      // Scales are often written as floats, which are not 1/255 to the last digit.
      let factor = abs(pixels.scale * 255 - 1) < 1e-6 ? 1 : 1 / (255 * pixels.scale)
      pixels.scale = 1 / 255
      pixels.mean *= factor
      pixels.std *= factor
    }
    // No number of -0, which would be written in another way.
    pixels.mean += 0
    return pixels.isUsable && all(pixels.std .> 0) ? pixels : nil
  }

  /// Whether all channels are scaled alike, before anything else happened to them.
  private func isScaled(by factors: SIMD3<Double>) -> Bool {
    pixels.mean == [0, 0, 0] && pixels.std == [1, 1, 1]
      && factors == SIMD3(repeating: factors.x)
  }
}
