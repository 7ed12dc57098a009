import Tensors

extension AugmentationOperation {
  /// torchvision's `ColorJitter`: four changes in a random order.
  static let colourJitter = Self(
    name: "color-jitter", stream: 6, placeholder: "B,C,S,H",
    limits: [0...10, 0...10, 0...10, 0...0.5], defaults: [0, 0, 0],
    help: "largest change of brightness, contrast, saturation and hue"
  ) { numbers, random in
    let order = random.permutation(4)
    let factors = numbers.prefix(3).map { random.uniform(max(0, 1 - $0), 1 + $0) }
    let hue = random.uniform(-numbers[3], numbers[3])
    return .pixels { image in
      order.reduce(image) { image, index in
        guard numbers[index] > 0 else { return image }
        return switch index {
        case 0: image.brightness(factors[0])
        case 1: image.contrast(factors[1])
        case 2: image.saturation(factors[2])
        default: image.hue(hue)
        }
      }
    }
  }

  static let greyscale = Self(
    name: "grayscale", stream: 7, placeholder: "P", limits: [0...1],
    help: "probability of an image without colours"
  ) { numbers, random in
    random.unit() < numbers[0] ? .pixels { $0.greyscale } : .none
  }
}
