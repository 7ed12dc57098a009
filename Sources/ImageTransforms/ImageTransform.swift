import Tensors

/// The way of a decoded image to the network's input: resized, varied if wanted, and normalised.
package struct ImageTransform: Sendable {
  /// What distinguishes the bits of this way, decoding included, from those of earlier versions.
  ///
  /// To be raised whenever an image's file gives another input with the same settings: a change of
  /// the decoder, of resizing, of augmentation or its draws, or of the arithmetic of normalisation.
  /// Features that were cached on disk are then computed anew.
  package static let version = 2
  /// Whose conventions are followed.
  package let preset: Preset
  /// How an image becomes a square; its size is positive.
  package let geometry: Geometry
  /// What is done to pixel values at the end.
  package let normalisation: Normalisation
  /// The numbers for the 256 values of the input's first channel, then of the second and the third.
  private let numbers: [Float]

  /// - Precondition: the geometry's size is positive.
  package init(
    preset: Preset, geometry: Geometry = Geometry(), normalisation: Normalisation
  ) {
    precondition(geometry.size > 0)
    self.preset = preset
    self.geometry = geometry
    self.normalisation = normalisation
    numbers = (0..<3).flatMap { channel in
      (0..<256).map { normalisation.number(Float($0), channel: channel) }
    }
  }

  /// Width and height of the input in pixels.
  package var size: Int { geometry.size }

  /// The input for `image` as it is.
  ///
  /// - Returns: `size * size * 3` numbers: rows from top to bottom, in a row pixel by pixel, the
  ///   three channels of a pixel in the order of the normalisation.
  package func input(of image: RGBImage) -> [Float] {
    input(ofResized: resized(image))
  }

  /// The input for an image that ``resized(_:)`` made.
  package func input(ofResized image: RGBImage) -> [Float] { normalised(image) }

  /// The input for a variation of `image` that is drawn from `augmentation`.
  ///
  /// - Parameter random: four numbers are taken from it; see ``AffineParameters``. Operations have
  ///   streams of their own.
  /// - Returns: as ``input(of:)``.
  package func augmentedInput(
    of image: RGBImage, augmentation: Augmentation, random: inout CounterRandom
  ) -> [Float] {
    normalised(varied(image, augmentation, &random))
  }

  /// The input for a certain variation of `image`.
  ///
  /// - Returns: as ``input(of:)``.
  func input(of image: RGBImage, varied parameters: AffineParameters) -> [Float] {
    normalised(mapped(resized(image), parameters))
  }

  /// `image` in the size of the input, by the filter of the preset.
  package func resized(_ image: RGBImage) -> RGBImage { resized(image, geometry) }

  /// `image` in the size of the input, by another geometry.
  func resized(_ image: RGBImage, _ geometry: Geometry) -> RGBImage {
    let (width, height) = geometry.resizedSize(width: image.width, height: image.height)
    return image.resized(
      preset, width: width, height: height, columns: geometry.window(of: width),
      rows: geometry.window(of: height)
    ).padded(to: size, colour: paddingColour)
  }

  /// What lies beside a padded image, in red, green and blue: what is nearest to zero for the network.
  package var paddingColour: [UInt8] {
    let bytes = normalisation.zeroBytes
    return normalisation.sourceChannels.map { bytes[$0] }
  }

  /// The variation of `image` that ``augmentedInput(of:augmentation:random:)`` gives for the same
  /// random numbers, to be looked at. The keras preset's values are rounded for it.
  package func augmentedImage(
    of image: RGBImage, augmentation: Augmentation, random: inout CounterRandom
  ) -> RGBImage {
    rounded(varied(image, augmentation, &random))
  }
}

// MARK: - Pixels of a network in whole numbers

extension ImageTransform {
  /// The input for `image` as it is, before normalisation.
  ///
  /// - Returns: `size * size * 3` pixel values in the order of ``input(of:)``.
  package func bytes(of image: RGBImage) -> [UInt8] { bytes(ofResized: resized(image)) }

  /// The same for an image that ``resized(_:)`` made.
  package func bytes(ofResized image: RGBImage) -> [UInt8] { ordered(image) }

  /// The input for a variation of `image`, before normalisation; the keras preset's values are
  /// rounded.
  ///
  /// - Returns: as ``bytes(of:)``.
  package func augmentedBytes(
    of image: RGBImage, augmentation: Augmentation, random: inout CounterRandom
  ) -> [UInt8] {
    ordered(augmentedImage(of: image, augmentation: augmentation, random: &random))
  }

  /// The channels in the network's order.
  private func ordered(_ image: RGBImage) -> [UInt8] {
    guard normalisation.channelOrder == .bgr else { return image.pixels }
    var pixels = image.pixels
    pixels.withUnsafeMutableBufferPointer { pixels in
      for offset in stride(from: 0, to: pixels.count, by: 3) { pixels.swapAt(offset, offset + 2) }
    }
    return pixels
  }
}

// MARK: - Normalising

extension ImageTransform {
  private func normalised(_ varied: Varied) -> [Float] {
    switch varied {
    case .pixels(let image): normalised(image)
    case .numbers(let values): normalised(values)
    }
  }

  // Both loops run for every number of the input; with checked indices they take twice as long.

  private func normalised(_ image: RGBImage) -> [Float] {
    let sources = normalisation.sourceChannels
    let (first, second, third) = (sources[0], sources[1], sources[2])
    let count = image.pixels.count
    return [Float](unsafeUninitializedCapacity: count) { target, initialized in
      image.pixels.withUnsafeBufferPointer { pixels in
        numbers.withUnsafeBufferPointer { numbers in
          for offset in stride(from: 0, to: count, by: 3) {
            target[offset] = numbers[Int(pixels[offset + first])]
            target[offset + 1] = numbers[256 + Int(pixels[offset + second])]
            target[offset + 2] = numbers[512 + Int(pixels[offset + third])]
          }
        }
      }
      initialized = count
    }
  }

  private func normalised(_ values: consuming [Float]) -> [Float] {
    let sources = normalisation.sourceChannels
    let (first, second, third) = (sources[0], sources[1], sources[2])
    values.withUnsafeMutableBufferPointer { values in
      for offset in stride(from: 0, to: values.count, by: 3) {
        let numbers = (values[offset + first], values[offset + second], values[offset + third])
        values[offset] = normalisation.number(numbers.0, channel: 0)
        values[offset + 1] = normalisation.number(numbers.1, channel: 1)
        values[offset + 2] = normalisation.number(numbers.2, channel: 2)
      }
    }
    return values
  }
}

extension Normalisation {
  /// The position in an RGB pixel of each channel of the input.
  var sourceChannels: [Int] { channelOrder == .rgb ? [0, 1, 2] : [2, 1, 0] }

  /// The number for one value of a channel of the input.
  ///
  /// The product is rounded once from double precision, which gives for 1/255 what the frameworks
  /// get by dividing in single precision.
  @inline(__always)
  func number(_ value: Float, channel: Int) -> Float {
    (Float(Double(value) * scale) - Float(mean[channel])) / Float(std[channel])
  }
}
