/// Names of the `transformers` library's ResNet, Hugging Face's `ResNetForImageClassification`.
struct TransformersNames: NameFamily {
  func owns(_ names: [String]) -> Bool {
    names.contains { $0.hasSuffix("embedder.embedder.convolution.weight") }
  }

  func canonical(_ name: String) -> String? {
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
