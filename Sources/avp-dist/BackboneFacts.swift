import ImageTransforms
import ResNet
import WeightFiles

/// What the metadata of a weight file says beyond its tensors; torchvision's habits where it says nothing.
struct BackboneFacts {
  let conventions: BackboneConventions
  /// Nil where the file does not say.
  let normalisation: Normalisation?

  /// Reads the entries bn_eps, stride_in_1x1, maxpool, channel_order, mean and std.
  init(metadata: [String: String], path: String) throws {
    var conventions = BackboneConventions()
    if let text = metadata["bn_eps"] {
      guard let epsilon = Double(text), epsilon > 0, epsilon < 1 else {
        throw WeightFileError(.unsupported, path, "the metadata entry bn_eps is '\(text)'")
      }
      conventions.batchNormEpsilon = epsilon
    }
    if metadata["stride_in_1x1"] == "true" { conventions.stridePlace = .conv1 }
    if metadata["maxpool"]?.contains("ceil_mode true") == true { conventions.pooling = .ceiling }
    self.conventions = conventions
    normalisation = try Self.normalisation(metadata, path)
  }

  private static func normalisation(
    _ metadata: [String: String], _ path: String
  ) throws -> Normalisation? {
    guard let order = metadata["channel_order"] else { return nil }
    let mean = numbers(metadata["mean"])
    let deviation = numbers(metadata["std"])
    let known: [Normalisation] = [.caffe, .torch]
    for normalisation in known where normalisation.channelOrder.rawValue == order.lowercased() {
      if normalisation.mean == mean, normalisation.deviation == deviation { return normalisation }
    }
    throw WeightFileError(
      .unsupported, path,
      "its metadata asks for channel order \(order), mean \(mean) and deviation \(deviation), a "
        + "normalisation that is not known here")
  }

  private static func numbers(_ text: String?) -> [Double] {
    (text ?? "").split(separator: ",").compactMap { Double($0) }
  }
}
