/// How pixel values of 0 to 255 become the numbers that a network was trained on:
/// `(value * scale - mean) / std`, channel by channel.
///
/// Files state the numbers with any precision, and exports repeat them as they are; the network gets
/// them in single precision, so two that agree in that are equal.
package struct Normalisation: Sendable {
  /// The order of a pixel's three numbers in the network's input.
  package enum ChannelOrder: String, Codable, Sendable {
    case rgb
    case bgr

    /// The order in capitals, "RGB" or "BGR".
    package var name: String { rawValue.uppercased() }
  }

  /// The order of the input's channels, which is also that of ``mean`` and ``std``.
  package var channelOrder: ChannelOrder
  /// The factor of pixel values, finite: 1/255 brings them to 0 to 1.
  package var scale: Double
  /// What is subtracted after scaling, finite, in ``channelOrder``.
  package var mean: SIMD3<Double>
  /// What the difference is divided by, finite and not zero, in ``channelOrder``.
  package var std: SIMD3<Double>

  /// Takes the numbers as they are; see the properties for their order and ranges.
  package init(
    channelOrder: ChannelOrder, scale: Double, mean: SIMD3<Double>, std: SIMD3<Double>
  ) {
    self.channelOrder = channelOrder
    self.scale = scale
    self.mean = mean
    self.std = std
  }

  /// torchvision's: RGB in 0 to 1, then ImageNet's mean and std.
  package static let torch = Normalisation(
    channelOrder: .rgb, scale: 1.0 / 255, mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225])

  /// Caffe's, also of the older Keras weights: BGR in 0 to 255 minus the mean of ImageNet.
  package static let caffe = Normalisation(
    channelOrder: .bgr, scale: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1])

  /// Whether both give the same numbers, to the precision that networks notice; the same map can be
  /// written for pixel values of 0 to 1 and for those of 0 to 255.
  package func isEquivalent(to other: Normalisation) -> Bool {
    func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-4 * max(abs(a), abs(b)) }
    return channelOrder == other.channelOrder
      && (0..<3).allSatisfy { channel in
        isClose(mean[channel] / scale, other.mean[channel] / other.scale)
          && isClose(std[channel] / scale, other.std[channel] / other.scale)
      }
  }

  /// Whether every image gets finite numbers.
  package var isUsable: Bool {
    let (mean, std) = single
    return scale.isFinite
      && (0..<3).allSatisfy {
        mean[$0].isFinite && std[$0].isFinite && std[$0] != 0
      }
  }

  /// For each channel of the input the byte that is nearest to what becomes zero.
  package var zeroBytes: [UInt8] {
    mean.elements.map { UInt8(max(0, min(255, ($0 / scale).rounded()))) }
  }

  /// ``mean`` and ``std`` as the network gets them.
  package var single: (mean: SIMD3<Float>, std: SIMD3<Float>) {
    (SIMD3<Float>(mean), SIMD3<Float>(std))
  }
}

extension Normalisation: Equatable {
  package static func == (left: Normalisation, right: Normalisation) -> Bool {
    left.channelOrder == right.channelOrder && left.scale == right.scale
      && left.single == right.single
  }
}

extension Normalisation: CustomStringConvertible {
  /// The arithmetic in words, equal for equal values alone.
  package var description: String {
    func list(_ vector: SIMD3<Float>) -> String { "(\(vector.x), \(vector.y), \(vector.z))" }
    let (mean, std) = single
    return "\(channelOrder.name) times \(scale), minus \(list(mean)), divided by "
      + list(std)
  }
}

extension Normalisation: Codable {
  private enum CodingKeys: String, CodingKey {
    case channelOrder, scale, mean
    // As files have always named it.
    case std = "deviation"
  }

  /// Reads a normalisation, and refuses one that is not ``isUsable``.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      channelOrder: try container.decode(ChannelOrder.self, forKey: .channelOrder),
      scale: try container.decode(Double.self, forKey: .scale),
      mean: try container.decode(SIMD3<Double>.self, forKey: .mean),
      std: try container.decode(SIMD3<Double>.self, forKey: .std))
    guard isUsable else {
      throw DecodingError.dataCorruptedError(
        forKey: .std, in: container,
        debugDescription: "a normalisation needs finite numbers and a std other than 0")
    }
  }

  /// Writes the numbers as the network gets them.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(channelOrder, forKey: .channelOrder)
    try container.encode(scale, forKey: .scale)
    try container.encode(single.mean, forKey: .mean)
    try container.encode(single.std, forKey: .std)
  }
}

extension SIMD3 {
  /// The numbers of the three channels, or one for all of them; nil for any other count.
  package init?(channels numbers: [Scalar]) {
    guard numbers.count == 1 || numbers.count == 3 else { return nil }
    self.init(numbers[0], numbers[numbers.count / 2], numbers[numbers.count - 1])
  }

  /// The three numbers.
  package var elements: [Scalar] { [x, y, z] }
}
