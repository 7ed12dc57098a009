/// What a row of operations makes of a pixel, one channel after the other, put together to one
/// ``PixelConvention``.
package struct PixelSteps {
  private var pixels = PixelConvention(
    channelOrder: "RGB", scale: 1, mean: [0, 0, 0], deviation: [1, 1, 1])

  /// Multiplies each channel by its number.
  package mutating func multiply(by factors: [Double]) {
    if isScaled(by: factors) {
      pixels.scale *= factors[0]
    } else {
      for channel in 0..<3 { pixels.deviation[channel] /= factors[channel] }
    }
  }

  /// Divides each channel by its number.
  package mutating func divide(by divisors: [Double]) {
    if isScaled(by: divisors) {
      pixels.scale /= divisors[0]
    } else {
      for channel in 0..<3 { pixels.deviation[channel] *= divisors[channel] }
    }
  }

  /// Adds its number to each channel.
  package mutating func add(_ numbers: [Double]) {
    for channel in 0..<3 { pixels.mean[channel] -= numbers[channel] * pixels.deviation[channel] }
  }

  /// Puts the last channel first.
  package mutating func reverseChannels() {
    pixels.channelOrder = pixels.channelOrder == "RGB" ? "BGR" : "RGB"
    pixels.mean.reverse()
    pixels.deviation.reverse()
  }

  /// All of it, with pixels in 0 ... 1 or in 0 ... 255; nil where that cannot be: for factors below
  /// zero, for zero and for numbers that are none.
  package var convention: PixelConvention? {
    var pixels = pixels
    if pixels.scale != 1 {
      // Scales are often written as floats, which are not 1/255 to the last digit.
      let factor = abs(pixels.scale * 255 - 1) < 1e-6 ? 1 : 1 / (255 * pixels.scale)
      pixels.scale = 1 / 255
      pixels.mean = pixels.mean.map { $0 * factor }
      pixels.deviation = pixels.deviation.map { $0 * factor }
    }
    // No number of -0, which would be written in another way.
    pixels.mean = pixels.mean.map { $0 + 0 }
    let isUsable =
      pixels.mean.allSatisfy(\.isFinite)
      && pixels.deviation.allSatisfy { $0.isFinite && $0 > 0 && 1 / $0 > 0 }
    return isUsable ? pixels : nil
  }

  /// Whether all channels are scaled alike, before anything else happened to them.
  private func isScaled(by factors: [Double]) -> Bool {
    pixels.mean == [0, 0, 0] && pixels.deviation == [1, 1, 1] && Set(factors).count == 1
  }
}
