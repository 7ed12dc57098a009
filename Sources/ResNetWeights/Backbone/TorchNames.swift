import Tensors

/// The tensors of a PyTorch ResNet under torchvision's names.
///
/// Three things can differ: a prefix such as `backbone.`, the names of Hugging Face's
/// `ResNetForImageClassification`, or nothing.
package func torchvisionNames(_ source: any TensorSource) -> any TensorSource {
  if source.shape(of: "conv1.weight") != nil { return source }
  var recipes: [String: TensorRecipe] = [:]
  if source.names.contains(where: { $0.hasSuffix("embedder.embedder.convolution.weight") }) {
    for name in source.names { recipes[HuggingFaceName.canonical(name) ?? name] = .same(name) }
  } else if let prefix = backbonePrefix(source) {
    for name in source.names {
      recipes[name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name] = .same(name)
    }
  }
  // Two names that become one would hide a tensor.
  return recipes.count == source.names.count ? MappedTensors(source, recipes) : source
}

/// What stands before `conv1.weight` and `bn1.weight` in every name of the backbone.
private func backbonePrefix(_ source: any TensorSource) -> String? {
  let candidates = backbonePrefixes(source)
  return candidates.count == 1 ? candidates[0] : nil
}

/// What stands before `conv1.weight` and `bn1.weight` of each network in `source`.
package func backbonePrefixes(_ source: some TensorSource) -> [String] {
  let stem = "conv1.weight"
  return source.names.filter { $0.hasSuffix(".\(stem)") && !$0.contains("layer") }
    .map { String($0.dropLast(stem.count)) }
    .filter { source.shape(of: "\($0)bn1.weight") != nil }
}

/// Names of the `transformers` library's ResNet.
private enum HuggingFaceName {
  /// The torchvision name, or nil for a name that is none of a ResNet.
  static func canonical(_ name: String) -> String? {
    var parts = name.split(separator: ".").map(String.init)
    if parts.first == "resnet" { parts.removeFirst() }
    if parts.starts(with: ["classifier", "1"]), parts.count == 3 { return "fc.\(parts[2])" }
    if parts.starts(with: ["embedder", "embedder"]), parts.count == 4 {
      return parts[2] == "convolution" ? "conv1.\(parts[3])" : "bn1.\(parts[3])"
    }
    // encoder.stages.S.layers.B.layer.I.convolution.weight, or ....shortcut.convolution.weight
    guard parts.count >= 8, parts.starts(with: ["encoder", "stages"]), let stage = Int(parts[2]),
      (0..<4).contains(stage), parts[3] == "layers", let block = Int(parts[4])
    else { return nil }
    let prefix = "layer\(stage + 1).\(block)"
    let isNorm = parts[parts.count - 2] == "normalization"
    guard let part = parts.last else { return nil }
    if parts[5] == "shortcut" { return "\(prefix).downsample.\(isNorm ? 1 : 0).\(part)" }
    guard parts.count == 9, let unit = Int(parts[6]), (0..<3).contains(unit) else { return nil }
    return "\(prefix).\(isNorm ? "bn" : "conv")\(unit + 1).\(part)"
  }
}
