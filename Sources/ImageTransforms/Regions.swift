import Tensors

/// A part of an image, in pixels.
package struct Region: Equatable, Sendable {
  var (x, y, width, height): (Int, Int, Int, Int)
}

extension AugmentationOperation {
  /// torchvision's `RandomResizedCrop`.
  static let randomResizedCrop = Self(
    name: "random-resized-crop", stream: 4, placeholder: "X,...",
    limits: [0...1, 0...1, 0.1...10, 0.1...10], defaults: [1, 0.75, 4.0 / 3],
    help: "see a part: its least and largest share of the area, its width by its height"
  ) { numbers, random in
    let draws = random
    return .region { width, height in
      var random = draws
      let inside = Region.random(
        width: width, height: height, scale: (numbers[0], numbers[1]),
        ratio: (numbers[2], numbers[3]), &random
      ) { $0 > 0 && $0 <= $1 }
      return inside ?? .central(width: width, height: height, ratio: (numbers[2], numbers[3]))
    }
  }

  /// torchvision's `RandomErasing`, with the colour that is nearest to zero for the network.
  static let randomErasing = Self(
    name: "random-erasing", stream: 9, placeholder: "P", limits: [0...1],
    help: "probability that a rectangle is erased"
  ) { numbers, random in
    guard random.unit() < numbers[0] else { return .none }
    let draws = random
    return .colouring { image, colour in
      var random = draws
      // torchvision's ratio is height by width.
      let region = Region.random(
        width: image.width, height: image.height, scale: (0.02, 0.33), ratio: (1 / 3.3, 1 / 0.3),
        &random
      ) { $0 < $1 }
      return region.map { image.erasing($0, colour) } ?? image
    }
  }

  static let verticalFlip = Self(
    name: "vflip", stream: 3, placeholder: "P", limits: [0...1],
    help: "probability of an image upside down"
  ) { numbers, random in
    random.unit() < numbers[0] ? .pixels { $0.flippedVertically } : .none
  }
}

extension Region {
  /// A region of random area and proportions whose sides pass `fits`, in one of ten attempts; both
  /// transforms of torchvision draw this way.
  static func random(
    width: Int, height: Int, scale: (Double, Double), ratio: (Double, Double),
    _ random: inout CounterRandom, fits: (_ side: Int, _ of: Int) -> Bool
  ) -> Region? {
    for _ in 0..<10 {
      let area = Double(width * height) * random.uniform(scale.0, scale.1)
      let aspect = ratio.0 * fractionalPower(ratio.1 / ratio.0, random.unit())
      let own = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let other = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      guard fits(own, width), fits(other, height) else { continue }
      let y = random.below(height - other + 1)
      return Region(x: random.below(width - own + 1), y: y, width: own, height: other)
    }
    return nil
  }

  /// The largest central region with proportions in `ratio`.
  static func central(width: Int, height: Int, ratio: (Double, Double)) -> Region {
    let (low, high) = (min(ratio.0, ratio.1), max(ratio.0, ratio.1))
    let own = Double(width) / Double(height)
    var (newWidth, newHeight) = (width, height)
    if own < low {
      newHeight = max(1, Int((Double(width) / low).rounded(.toNearestOrEven)))
    } else if own > high {
      newWidth = max(1, Int((Double(height) * high).rounded(.toNearestOrEven)))
    }
    return Region(
      x: (width - newWidth) / 2, y: (height - newHeight) / 2, width: newWidth, height: newHeight)
  }
}

extension RGBImage {
  /// A part of the image.
  func cropped(_ region: Region) -> RGBImage {
    var part: [UInt8] = []
    part.reserveCapacity(region.width * region.height * 3)
    for row in region.y..<region.y + region.height {
      let start = (row * width + region.x) * 3
      part += pixels[start..<start + region.width * 3]
    }
    return RGBImage(width: region.width, height: region.height, pixels: part)
  }

  /// The image with one colour in `region`.
  func erasing(_ region: Region, _ colour: [UInt8]) -> RGBImage {
    var result = self
    for row in region.y..<region.y + region.height {
      for column in region.x..<region.x + region.width {
        for channel in 0..<3 {
          result.pixels[(row * width + column) * 3 + channel] = colour[channel]
        }
      }
    }
    return result
  }

  var flippedVertically: RGBImage {
    var turned: [UInt8] = []
    turned.reserveCapacity(pixels.count)
    for row in (0..<height).reversed() {
      turned += pixels[row * width * 3..<(row + 1) * width * 3]
    }
    return RGBImage(width: width, height: height, pixels: turned)
  }
}

/// `base` to a power from 0 to 1, of operations whose rounding IEEE 754 fixes: the product of those
/// roots that the exponent's binary digits name.
func fractionalPower(_ base: Double, _ exponent: Double) -> Double {
  var (root, left, result) = (base, exponent, 1.0)
  for _ in 0..<52 {
    root = root.squareRoot()
    left *= 2
    if left >= 1 {
      result *= root
      left -= 1
    }
  }
  return result
}
