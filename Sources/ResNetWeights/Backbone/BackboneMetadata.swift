import FileIO
import Tensors

/// Reads and writes conventions as the text metadata of a weight file.
///
/// Keys: `format`, `architecture`, `blocks`, `stages`, `stage_names`, `feature_dim`,
/// `stride_in_1x1`, `bn_eps`, `maxpool`, `channel_order`, `pixel_range`, `mean`, `std`,
/// `preprocessing`.
package struct BackboneMetadata {
  private let metadata: [String: String]
  private let path: String

  package init(_ metadata: [String: String], path: String) {
    self.metadata = metadata
    self.path = path
  }

  /// The conventions, with `defaults` for what the metadata does not say; nil if it says nothing at
  /// all.
  package func conventions(
    defaults: WeightConventions
  ) throws(FileError) -> WeightConventions? {
    guard ["stride_in_1x1", "bn_eps", "maxpool"].contains(where: { metadata[$0] != nil }) else {
      return nil
    }
    var conventions = defaults
    switch metadata["stride_in_1x1"] {
    case "true": conventions.stridePosition = .firstConvolution
    case "false": conventions.stridePosition = .secondConvolution
    case nil: break
    case let text?: throw unreadable("stride_in_1x1", text)
    }
    if let text = metadata["bn_eps"] {
      guard let value = Double(text), value.isFinite, value > 0, value < 1 else {
        throw unreadable("bn_eps", text)
      }
      conventions.batchNormEpsilon = value
    }
    if let text = metadata["maxpool"] { conventions.maxPool = try maxPool(text) }
    return conventions
  }

  /// What pixels are to be, or nil if the metadata does not say.
  package func pixels() throws(FileError) -> Normalisation? {
    guard let mean = try triple("mean") else { return nil }
    let order: Normalisation.ChannelOrder
    switch metadata["channel_order"] {
    case nil, "RGB": order = .rgb
    case "BGR": order = .bgr
    case let text?: throw unreadable("channel_order", text)
    }
    let std = try triple("std") ?? [1, 1, 1]
    guard std.elements.allSatisfy({ Float($0) > 0 }) else {
      throw unreadable("std", metadata["std"] ?? "")
    }
    let scale: Double
    switch metadata["pixel_range"] {
    case "0-255": scale = 1
    case "0-1": scale = 1 / 255
    // Means of pixels in 0 ... 1 are below 1, those of pixels in 0 ... 255 about a hundred.
    case nil:
      scale = mean.elements.allSatisfy { abs($0) <= 1 } && std != [1, 1, 1] ? 1 / 255 : 1
    case let text?: throw unreadable("pixel_range", text)
    }
    return Normalisation(channelOrder: order, scale: scale, mean: mean, std: std)
  }

  /// The metadata that says all this about a backbone.
  package static func text(
    layout: BackboneLayout, conventions: WeightConventions, pixels: Normalisation
  ) -> [String: String] {
    let isFirst = conventions.stridePosition == .firstConvolution
    let padding = conventions.maxPool.padding
    var text = [
      "architecture": layout.architecture,
      "blocks": layout.blocks.map(String.init).joined(separator: ","),
      "stages": "\(layout.blocks.count)",
      "stage_names": layout.stageNames.joined(separator: ","),
      "feature_dim": "\(layout.featureCount)",
      "stride_in_1x1": isFirst ? "true" : "false",
      "bn_eps": plain(conventions.batchNormEpsilon),
      "maxpool":
        "kernel 3 stride 2 padding \(padding) ceil_mode \(conventions.maxPool == .ceiling)",
      "channel_order": pixels.channelOrder.name,
      "pixel_range": pixels.scale == 1 ? "0-255" : "0-1",
      "mean": pixels.mean.elements.map(plain).joined(separator: ","),
      "std": pixels.std.elements.map(plain).joined(separator: ","),
      "format": "pt",
    ]
    text["preprocessing"] = pixels.sentence
    return text
  }

  private func maxPool(_ text: String) throws(FileError) -> WeightConventions.MaxPool {
    let words = text.split(separator: " ")
    var values: [Substring: Substring] = [:]
    for index in stride(from: 0, to: words.count - 1, by: 2) {
      values[words[index]] = words[index + 1]
    }
    guard values["kernel"] == "3", values["stride"] == "2" else {
      throw unreadable("maxpool", text)
    }
    switch (values["padding"], values["ceil_mode"]) {
    case ("1", "false"): return .padded
    case ("0", "true"): return .ceiling
    case ("0", "false"): return .unpadded
    default: throw unreadable("maxpool", text)
    }
  }

  private func triple(_ key: String) throws(FileError) -> SIMD3<Double>? {
    guard let text = metadata[key] else { return nil }
    let numbers = text.split(separator: ",").map { Double($0.drop { $0 == " " }) ?? .nan }
    guard numbers.count == 3, numbers.allSatisfy({ Float($0).isFinite }) else {
      throw unreadable(key, text)
    }
    return SIMD3(numbers)
  }

  private func unreadable(_ key: String, _ text: String) -> FileError {
    FileError(
      .damaged, path,
      "the metadata \(quoted(key)) has the value \(quoted(text)), which is not understood")
  }
}

extension Normalisation {
  /// The convention in words.
  package var sentence: String {
    switch self {
    case .torch:
      "torch: RGB channel order, pixel values 0-1, minus channel means, divided by channel deviations"
    case .caffe: "caffe: BGR channel order, pixel values 0-255 minus channel means, no scaling"
    default:
      "\(channelOrder.name) channel order, (pixel values 0-255"
        + "\(scale == 1 ? "" : " * \(plain(scale))") - "
        + "\(Self.list(mean))) / \(Self.list(std))"
    }
  }

  private static func list(_ numbers: SIMD3<Double>) -> String {
    "(\(numbers.elements.map(plain).joined(separator: ", ")))"
  }
}

/// A number without needless digits: "1e-5", "0.485", "1".
package func plain(_ number: Double) -> String {
  if let whole = Int(exactly: number) { return "\(whole)" }
  return "\(number)".replacing("e-0", with: "e-")
}
