import Tensors

extension HeatMap {
  /// The image, and to its right the same image in grey under the colours of the map: none where
  /// nothing speaks for the class, then blue, red and yellow, the brightest at the map's largest value.
  ///
  /// - Precondition: the image is square.
  package func beside(_ image: RGBImage) -> RGBImage {
    precondition(image.width == image.height)
    let side = image.width
    let coloured = over(image)
    let rowBytes = 3 * side
    let pixels = (0..<side).flatMap { row in
      let range = row * rowBytes..<(row + 1) * rowBytes
      return image.pixels[range] + coloured[range]
    }
    return RGBImage(width: 2 * side, height: side, pixels: pixels)
  }

  /// The pixels of a square image in grey under the map's colours.
  private func over(_ image: RGBImage) -> [UInt8] {
    let largest = values.max() ?? 0
    var pixels: [UInt8] = []
    pixels.reserveCapacity(image.pixels.count)
    for (index, value) in enlarged(to: image.width).enumerated() {
      let (red, green, blue) = (
        Double(image.pixels[3 * index]), Double(image.pixels[3 * index + 1]),
        Double(image.pixels[3 * index + 2])
      )
      // The grey of ITU-R BT.601.
      let grey = 0.299 * red + 0.587 * green + 0.114 * blue
      let heat = largest > 0 ? value / largest : 0
      let cover = Self.cover * min(1, 2 * heat)
      let mixed = SIMD3(repeating: grey * (1 - cover)) + Self.colour(heat) * cover
      for channel in 0..<3 { pixels.append(UInt8(min(max(mixed[channel].rounded(), 0), 255))) }
    }
    return pixels
  }

  /// How much of the image the colours cover from half of the largest value on.
  private static let cover = 0.65

  /// Red, green and blue at equal distances from 0 to 1.
  private static let scale: [SIMD3<Double>] = [
    [20, 40, 200], [120, 30, 190], [230, 40, 60], [250, 140, 20], [255, 235, 60],
  ]

  /// The colour of a heat from 0 to 1.
  private static func colour(_ heat: Double) -> SIMD3<Double> {
    let place = heat * Double(scale.count - 1)
    let from = min(Int(place), scale.count - 2)
    return scale[from] + (scale[from + 1] - scale[from]) * (place - Double(from))
  }
}
