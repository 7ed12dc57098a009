import Tensors

/// One more way to vary images: its option, the numbers that the option takes, and what it does.
///
/// To add one, declare it in a file of its own and name it in ``all``: parsing, help, the record, the
/// comparison of ranks, the cache's keys and `preview` follow from that.
package struct AugmentationOperation: Sendable {
  /// What an operation does to one image.
  enum Effect {
    /// Nothing.
    case none
    /// Changes the one affine map.
    case affine((inout AffineParameters) -> Void)
    /// Chooses the part of the original image, by its size, that becomes the square.
    case region((_ width: Int, _ height: Int) -> Region)
    /// Changes the square, in 8-bit values, after the affine map.
    case pixels((RGBImage) -> RGBImage)
    /// The same, with the colour that is nearest to zero for the network.
    case colouring((RGBImage, _ colour: [UInt8]) -> RGBImage)
  }

  /// The option's name, under which records have its numbers, too.
  package let name: String
  /// Which of an image's streams of random numbers it draws from: one of its own, from 1 on, so that
  /// no operation changes the draws of another.
  let stream: Int
  /// What stands for its value in help.
  package let placeholder: String
  /// What each of its numbers may be.
  let limits: [ClosedRange<Double>]
  /// The numbers that need not be written, from the second on.
  var defaults: [Double] = []
  /// The words for 0, 1, 2...; empty for an operation that takes numbers.
  package var choices: [String] = []
  /// What it does, in one line.
  package let help: String
  /// Draws what happens to one image.
  let draw: @Sendable (_ numbers: [Double], _ random: inout CounterRandom) -> Effect

  /// All of them, in the order in which they act.
  package static let all: [Self] = [
    randomResizedCrop, rotation, translation, verticalFlip, autoAugment, colourJitter, greyscale,
    blur, randomErasing,
  ]

  static func named(_ name: String) -> Self? { all.first { $0.name == name } }

  /// What its numbers may be, in words; nil where it takes words.
  package var range: String? {
    guard choices.isEmpty else { return nil }
    let ranges = limits.map { "from \(Self.text($0.lowerBound)) to \(Self.text($0.upperBound))" }
    return ranges.dropFirst().allSatisfy { $0 == ranges[0] }
      ? ranges[0] : ranges.joined(separator: ", ")
  }

  func allows(_ numbers: [Double]) -> Bool {
    numbers.count == limits.count && zip(limits, numbers).allSatisfy { $0.contains($1) }
      && (choices.isEmpty || numbers == numbers.map { $0.rounded() })
  }

  /// The numbers that a text says, with the defaults of those that it leaves out; none where it says
  /// that nothing is to be done, nil where it is no such text.
  package func numbers(_ text: String) -> [Double]? {
    guard choices.isEmpty else {
      return choices.firstIndex(of: text).map { $0 == 0 ? [] : [Double($0)] }
    }
    let written = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    let numbers = written.compactMap { $0 }
    guard numbers.count == written.count, numbers.count <= limits.count else { return nil }
    let all = numbers + defaults.dropFirst(numbers.count - 1)
    guard allows(all) else { return nil }
    return numbers.allSatisfy { $0 == 0 } ? [] : all
  }

  /// The text for numbers, nil for none; those at the end that are defaults are left out.
  func text(_ numbers: [Double]?) -> String {
    guard let numbers else { return choices.first ?? "0" }
    if !choices.isEmpty { return choices[Int(numbers[0])] }
    var count = numbers.count
    while count > 1, numbers[count - 1] == defaults[count - 2] { count -= 1 }
    return numbers.prefix(count).map(Self.text).joined(separator: ",")
  }

  private static func text(_ number: Double) -> String {
    Int(exactly: number).map { "\($0)" } ?? "\(number)"
  }
}

extension ImageTransform {
  /// An image after all that varies it.
  enum Varied {
    case pixels(RGBImage)
    /// The keras preset's values of the affine map, not rounded, in the order of pixels.
    case numbers([Float])
  }

  /// The variation of `image` that is drawn from `augmentation`.
  func varied(
    _ image: RGBImage, _ augmentation: Augmentation, _ random: inout CounterRandom
  ) -> Varied {
    let start = random
    var parameters = AffineParameters(augmentation, random: &random)
    var square: RGBImage?
    var changes: [(RGBImage) -> RGBImage] = []
    for (operation, numbers) in augmentation.active {
      var own = start.stream(operation.stream)
      switch operation.draw(numbers, &own) {
      case .none: break
      case .affine(let change): change(&parameters)
      case .region(let choose):
        square = resized(image.cropped(choose(image.width, image.height)), Geometry(size: size))
      case .pixels(let change): changes.append(change)
      case .colouring(let change): changes.append { change($0, paddingColour) }
      }
    }
    let mapped = mapped(square ?? resized(image), parameters)
    return changes.isEmpty
      ? mapped : .pixels(changes.reduce(rounded(mapped)) { image, change in change(image) })
  }

  /// The affine map of the preset.
  func mapped(_ square: RGBImage, _ parameters: AffineParameters) -> Varied {
    switch preset {
    case .pytorch: .pixels(square.affineNearest(parameters))
    case .keras: .numbers(square.affineBilinear(parameters))
    }
  }

  /// The image in 8-bit values.
  func rounded(_ varied: Varied) -> RGBImage {
    switch varied {
    case .pixels(let image): image
    case .numbers(let values):
      RGBImage(width: size, height: size, pixels: values.map { UInt8($0 + 0.5) })
    }
  }
}
