import Tensors

/// How an image of any proportions becomes the square that the network takes.
package struct Geometry: Codable, Equatable, Sendable {
  /// What becomes of the proportions.
  package enum Resize: String, CaseIterable, Codable, Sendable {
    /// They are lost: both sides become the square's.
    case squash
    /// The square is cut from the middle of the image, which has been resized by its shorter side;
    /// torchvision's `Resize` and `CenterCrop`.
    case crop
    /// The whole image lies in the middle of the square, beside it the mean colour; Pillow's
    /// `ImageOps.pad`.
    case pad
  }

  /// Width and height of the network's input in pixels.
  package var size: Int
  /// What becomes of the proportions.
  package var resize: Resize
  /// How much of the shorter side `crop` leaves; 0.875 is torchvision's 224 of 256.
  package var cropRatio: Double

  /// What was done before there was a choice, with other values where they are given.
  package init(size: Int = 224, resize: Resize = .squash, cropRatio: Double = 0.875) {
    self.size = size
    self.resize = resize
    self.cropRatio = cropRatio
  }

  /// Whether the network takes such images.
  package static func isSize(_ size: Int) -> Bool { size % 32 == 0 && (96...512).contains(size) }
  /// What ``cropRatio`` may be.
  package static let cropRatios = 0.25...1

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    size = try values.decode(Int.self, forKey: .size)
    resize = try values.decode(Resize.self, forKey: .resize)
    cropRatio = try values.decode(Double.self, forKey: .cropRatio)
    guard Self.isSize(size), Self.cropRatios.contains(cropRatio) else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath,
          debugDescription: "images of size \(size) with crop ratio \(cropRatio)"))
    }
  }

  /// The shorter side of an image that `crop` cuts from.
  package var shorterSide: Int { Int(Double(size) / cropRatio) }

  /// The size that an image is resized to, before `crop` cuts or `pad` fills up.
  func resizedSize(width: Int, height: Int) -> (width: Int, height: Int) {
    switch resize {
    case .squash: return (size, size)
    case .crop:
      let longer = Int(Double(shorterSide * max(width, height)) / Double(min(width, height)))
      return width < height ? (shorterSide, longer) : (longer, shorterSide)
    case .pad:
      // A quotient first, then the product, as Pillow rounds them.
      let quotient = Double(min(width, height)) / Double(max(width, height))
      let shorter = max(1, Int((quotient * Double(size)).rounded(.toNearestOrEven)))
      return width < height ? (shorter, size) : (size, shorter)
    }
  }

  /// The part of a line of `length` pixels that is in the square.
  func window(of length: Int) -> Range<Int> {
    let start = Self.half(max(0, length - size))
    return start..<start + min(length, size)
  }

  /// Half of a number of pixels, as Python rounds it.
  static func half(_ count: Int) -> Int { Int((Double(count) / 2).rounded(.toNearestOrEven)) }
}

extension RGBImage {
  /// The image in the middle of a square, beside it `colour`.
  func padded(to size: Int, colour: [UInt8]) -> RGBImage {
    guard width < size || height < size else { return self }
    let (left, top) = (Geometry.half(size - width), Geometry.half(size - height))
    var result = [UInt8]()
    result.reserveCapacity(size * size * 3)
    func fill(_ count: Int) { for _ in 0..<count { result += colour } }
    fill(top * size)
    for row in 0..<height {
      fill(left)
      result += pixels[row * width * 3..<(row + 1) * width * 3]
      fill(size - width - left)
    }
    fill((size - height - top) * size)
    return RGBImage(width: size, height: size, pixels: result)
  }
}
