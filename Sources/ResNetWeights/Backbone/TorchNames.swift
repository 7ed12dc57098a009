import Tensors

/// How a library names the tensors of its ResNets.
protocol NameFamily: Sendable {
  /// Whether a file with these names is of this family.
  func owns(_ names: [String]) -> Bool
  /// torchvision's name for one of them, or nil for a name that is none of a ResNet.
  func canonical(_ name: String) -> String?
}

/// The families besides torchvision's own.
private let families: [any NameFamily] = [TransformersNames()]

/// The tensors of a PyTorch ResNet under torchvision's names.
///
/// Three things can differ: a prefix such as `backbone.`, another family's names, or nothing.
package func torchvisionNames(_ source: any TensorSource) -> any TensorSource {
  if source.shape(of: "conv1.weight") != nil { return source }
  var recipes: [String: TensorRecipe] = [:]
  if let family = families.first(where: { $0.owns(source.names) }) {
    for name in source.names { recipes[family.canonical(name) ?? name] = .same(name) }
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
