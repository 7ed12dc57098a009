import Tensors

extension AugmentationOperation {
  /// torchvision's `TrivialAugmentWide()` and `RandAugment()`.
  static let autoAugment = Self(
    name: "auto-augment", stream: 5, placeholder: "none|trivial|rand", limits: [1...2],
    choices: ["none", "trivial", "rand"],
    help: "one random operation of any strength, or two of the same"
  ) { numbers, random in
    let isTrivial = numbers[0] == 1
    let steps = (0..<(isTrivial ? 1 : 2)).map { _ in
      let operation = AutoOperation.allCases[random.below(AutoOperation.allCases.count)]
      let bin = random.below(AutoOperation.bins)
      let sign = random.below(2) == 0 ? 1.0 : -1
      return (operation, isTrivial ? bin : 9, sign)
    }
    return .pixels { image in
      steps.reduce(image) { image, step in
        let (operation, bin, sign) = step
        let strength = operation.strength(bin: bin, isTrivial: isTrivial, size: image.width)
        return image.applying(operation, operation.isSigned ? sign * strength : strength)
      }
    }
  }
}

/// The operations of torchvision's `_apply_op`, in the order of its spaces.
enum AutoOperation: CaseIterable {
  case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast
  case sharpness, posterize, solarize, autoContrast, equalize

  /// How many strengths there are.
  static let bins = 31

  /// Whether it acts in two directions.
  var isSigned: Bool {
    switch self {
    case .identity, .posterize, .solarize, .autoContrast, .equalize: false
    default: true
    }
  }

  /// How strong it is, in `TrivialAugmentWide` or in `RandAugment` on images of `size`.
  func strength(bin: Int, isTrivial: Bool, size: Int) -> Double {
    let share = Double(bin) / Double(Self.bins - 1)
    switch self {
    case .identity, .autoContrast, .equalize: return 0
    case .shearX, .shearY: return share * (isTrivial ? 0.99 : 0.3)
    case .translateX, .translateY: return share * (isTrivial ? 32 : 150.0 / 331 * Double(size))
    case .rotate: return share * (isTrivial ? 135 : 30)
    case .brightness, .color, .contrast, .sharpness: return share * (isTrivial ? 0.99 : 0.9)
    case .posterize: return 8 - (share * (isTrivial ? 6 : 4)).rounded(.toNearestOrEven)
    case .solarize: return 255 - share * 255
    }
  }
}

extension RGBImage {
  /// torchvision's `_apply_op`.
  func applying(_ operation: AutoOperation, _ strength: Double) -> RGBImage {
    switch operation {
    case .identity: self
    case .shearX: transformed([1, strength, 0, 0, 1, 0])
    case .shearY: transformed([1, 0, 0, strength, 1, 0])
    case .translateX: transformed([1, 0, -strength.rounded(.towardZero), 0, 1, 0])
    case .translateY: transformed([1, 0, 0, 0, 1, -strength.rounded(.towardZero)])
    case .rotate: affineNearest(.rotation(-strength))
    case .brightness: brightness(1 + strength)
    case .color: saturation(1 + strength)
    case .contrast: contrast(1 + strength)
    case .sharpness: sharpness(1 + strength)
    case .posterize: posterized(Int(strength))
    case .solarize: solarized(strength)
    case .autoContrast: autoContrast
    case .equalize: equalized
    }
  }
}

extension AffineParameters {
  /// Nothing but a rotation, clockwise in the pytorch preset.
  static func rotation(_ degrees: Double) -> AffineParameters {
    var parameters = AffineParameters(shear: 0, zoom: 1, columnZoom: 1, flips: false)
    parameters.rotation = degrees
    return parameters
  }
}
