import ResNetWeights

extension ModelExport {
  /// What was written and what to know before loading it.
  package func notes(
    _ format: ExportFormat, _ scope: Scope, preprocessing: Bool, path: String
  ) -> [String] {
    let what =
      scope == .wholeModel ? "the whole model (\(layout.architecture) and head)" : "the head"
    var notes = ["\(path): \(what) as \(format.rawValue), \(classes.count) classes"]
    if format == .keras {
      notes.append("\(Self.architecturePath(for: path)): the architecture for Keras")
    }
    if scope == .wholeModel {
      notes.append(
        format == .onnx && preprocessing
          ? "Input: RGB bytes [n, \(imageSize), \(imageSize), 3]; the graph normalises them."
          : "Input: \(imageSize) x \(imageSize) pixels, \(pixels.sentence).")
      notes += torchvisionNotes(format)
    } else {
      notes.append("Input: \(layout.featureCount) features.")
    }
    return notes
  }

  /// Where torchvision's `resnet50` must be changed to compute what these weights mean.
  private func torchvisionNotes(_ format: ExportFormat) -> [String] {
    guard format == .torch || format == .safetensors else { return [] }
    let conventions = backbone.conventions
    var changes: [String] = []
    if conventions.stridePosition == .firstConvolution {
      changes.append(
        "stride 2 on conv1 of the first block of layer2, layer3 and layer4, not on conv2")
    }
    if conventions.maxPool != .padded {
      changes.append(
        "maxpool = MaxPool2d(3, 2, 0, ceil_mode=\(conventions.maxPool == .ceiling ? "True" : "False"))"
      )
    }
    if conventions.batchNormEpsilon != WeightConventions.torchvision.batchNormEpsilon {
      changes.append("eps=\(plain(conventions.batchNormEpsilon)) in every BatchNorm2d")
    }
    if layout.blocks.count < 4 {
      changes.append(
        "no stages after layer\(layout.blocks.count) (features: \(layout.featureCount))")
    }
    return changes.isEmpty
      ? [] : ["In torchvision's model set: \(changes.joined(separator: "; "))."]
  }
}
