/// How pixel values become the numbers that a network was trained on:
/// `(value * scale - mean) / deviation`, channel by channel.
package struct Normalisation: Equatable, Sendable {
  /// The order of a pixel's three numbers in the network's input.
  package enum ChannelOrder: String, Codable, Sendable {
    case rgb
    case bgr
  }

  /// The order of the input's channels, which is also that of ``mean`` and ``deviation``.
  package var channelOrder: ChannelOrder
  /// The factor of values 0 to 255, finite.
  package var scale: Double
  /// What is subtracted after scaling, finite, in ``channelOrder``.
  package var mean: SIMD3<Float>
  /// What the difference is divided by, finite and not zero, in ``channelOrder``.
  package var deviation: SIMD3<Float>

  /// Takes the numbers as they are; see the properties for their order and ranges.
  package init(
    channelOrder: ChannelOrder, scale: Double, mean: SIMD3<Float>, deviation: SIMD3<Float>
  ) {
    self.channelOrder = channelOrder
    self.scale = scale
    self.mean = mean
    self.deviation = deviation
  }

  /// torchvision's: RGB in 0 to 1, then the mean and deviation of ImageNet.
  package static let torch = Normalisation(
    channelOrder: .rgb, scale: 1.0 / 255, mean: [0.485, 0.456, 0.406],
    deviation: [0.229, 0.224, 0.225])

  /// Caffe's, also of the older Keras weights: BGR in 0 to 255 minus the mean of ImageNet.
  package static let caffe = Normalisation(
    channelOrder: .bgr, scale: 1, mean: [103.939, 116.779, 123.68], deviation: [1, 1, 1])

  /// Whether both give the same numbers, to the precision that networks notice; the same map can be
  /// written for pixel values of 0 to 1 and for those of 0 to 255.
  package func isEquivalent(to other: Normalisation) -> Bool {
    func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-4 * max(abs(a), abs(b)) }
    return channelOrder == other.channelOrder
      && (0..<3).allSatisfy { channel in
        isClose(Double(mean[channel]) / scale, Double(other.mean[channel]) / other.scale)
          && isClose(
            Double(deviation[channel]) / scale, Double(other.deviation[channel]) / other.scale)
      }
  }

  /// Whether every picture gets finite numbers.
  package var isUsable: Bool {
    let numbers = (0..<3).flatMap { [mean[$0], deviation[$0]] }
    return scale.isFinite && numbers.allSatisfy(\.isFinite)
      && (0..<3).allSatisfy { deviation[$0] != 0 }
  }
}

extension Normalisation: CustomStringConvertible {
  /// The arithmetic in words, equal for equal values alone.
  package var description: String {
    func list(_ vector: SIMD3<Float>) -> String { "(\(vector.x), \(vector.y), \(vector.z))" }
    return "\(channelOrder.rawValue.uppercased()) times \(scale), minus \(list(mean)), divided by "
      + list(deviation)
  }
}

extension Normalisation: Codable {
  private enum CodingKeys: String, CodingKey {
    case channelOrder, scale, mean, deviation
  }

  /// Reads a normalisation, and refuses one that is not ``isUsable``.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      channelOrder: try container.decode(ChannelOrder.self, forKey: .channelOrder),
      scale: try container.decode(Double.self, forKey: .scale),
      mean: try container.decode(SIMD3<Float>.self, forKey: .mean),
      deviation: try container.decode(SIMD3<Float>.self, forKey: .deviation))
    guard isUsable else {
      throw DecodingError.dataCorruptedError(
        forKey: .deviation, in: container,
        debugDescription: "a normalisation needs finite numbers and deviations other than 0")
    }
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
    (Float(Double(value) * scale) - mean[channel]) / deviation[channel]
  }
}
