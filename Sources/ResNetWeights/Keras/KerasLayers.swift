import FileIO
import TensorFormats
import Tensors

/// The layers with weights in an HDF5 file that Keras wrote, whatever the layout.
package struct KerasLayers {
  /// What a dataset of a layer is.
  package enum Role: Hashable {
    case kernel, bias, gamma, beta, mean, variance
    /// How many images a Normalization has seen, which is not needed.
    case count
  }

  /// One layer: its name and the datasets of its weights.
  package struct Layer {
    package let name: String
    package var datasets: [Role: String] = [:]
  }

  /// The layers in the order of the file, as far as it has one.
  package let layers: [Layer]
  /// Which layout the file has, for people.
  package let layout: String

  /// Finds the layers of `file`; `configuration` helps where the file itself does not name them.
  package init(
    _ file: HDF5File, configuration: KerasConfiguration?
  ) throws(FileError) {
    if file.attributes.contains(where: { $0.value["weight_names"] != nil }) {
      layers = try Self.named(file)
      layout = "Keras HDF5 with weight names"
    } else {
      layers = try Self.numbered(file, configuration)
      layout = "Keras 3 weights"
    }
    if layers.isEmpty {
      throw FileError(.unsupported, file.path, "is an HDF5 file, but holds no Keras layers")
    }
    try refuseOthers(file)
  }

  /// Refuses numbers that belong to no layer; only an optimizer may have some.
  private func refuseOthers(_ file: HDF5File) throws(FileError) {
    let used = Set(layers.flatMap(\.datasets.values))
    let others = file.datasets.keys.filter {
      !used.contains($0) && !$0.hasPrefix("optimizer") && !Self.isRandomState($0)
    }
    if let name = sortedByBytes(others).first {
      throw FileError(
        .entryUnexpected, file.path, "the dataset \(quoted(name)) belongs to no layer of a ResNet",
        entry: name)
    }
  }

  /// Whether this is the state of the random numbers of a Dropout or a RandomFlip.
  private static func isRandomState(_ name: String) -> Bool {
    name.split(separator: "/").contains { $0.hasPrefix("seed_generator") }
  }

  // MARK: Files whose groups list their weights in an attribute

  private static func named(_ file: HDF5File) throws(FileError) -> [Layer] {
    var layers: [Layer] = []
    for group in groupsInOrder(file) {
      // Long lists are split into `weight_names0`, `weight_names1`, ...
      let attributes = file.attributes[group] ?? [:]
      var weights = attributes["weight_names"] ?? []
      for part in 0..<1000 {
        guard let more = attributes["weight_names\(part)"] else { break }
        weights += more
      }
      weights.removeAll(where: isRandomState)
      for layer in try split(weights, of: group, file.path) { layers.append(layer) }
    }
    return layers
  }

  /// Groups with weights, in the order of the attribute `layer_names` where there is one.
  private static func groupsInOrder(_ file: HDF5File) -> [String] {
    let groups = Set(
      file.attributes.filter { $0.value["weight_names"] != nil }.keys
        .filter { !$0.hasPrefix("optimizer") })
    var order: [String] = []
    var seen: Set<String> = []
    for root in ["", "model_weights"] {
      let names = file.attributes[root]?["layer_names"] ?? []
      order += names.map { root.isEmpty ? $0 : "\(root)/\($0)" }
        .filter { groups.contains($0) && seen.insert($0).inserted }
    }
    return order + sortedByBytes(groups.subtracting(order))
  }

  /// The layers of one group: itself, or those of the model that it stands for.
  private static func split(
    _ weights: [String], of group: String, _ path: String
  ) throws(FileError) -> [Layer] {
    let inner = Set(weights.map { layerName(ofWeight: $0) })
    let isNested = inner.count > 1 && !inner.contains(nil)
    var layers: [Layer] = []
    var indices: [String: Int] = [:]
    for weight in weights {
      let name = (isNested ? layerName(ofWeight: weight) : nil) ?? lastComponent(group)
      let index = indices[name, default: layers.count]
      if index == layers.count {
        indices[name] = index
        layers.append(Layer(name: name))
      }
      guard let role = role(ofWeight: weight) else {
        throw FileError(
          .entryUnexpected, path,
          "the tensor \(quoted(weight)) of the layer \(quoted(name)) does not belong to a ResNet",
          entry: weight)
      }
      layers[index].datasets[role] = "\(group)/\(weight)"
    }
    return layers
  }

  /// The layer in `conv1_conv/kernel:0`; nil if the name has one part.
  private static func layerName(ofWeight weight: String) -> String? {
    let parts = weight.split(separator: "/")
    return parts.count >= 2 ? String(parts[parts.count - 2]) : nil
  }

  /// What `conv1_conv/kernel:0`, `conv1_W_1:0` or `bn_conv1_running_std_1:0` is.
  private static func role(ofWeight weight: String) -> Role? {
    var name = lastComponent(weight)
    if let colon = name.firstIndex(of: ":") { name = String(name[..<colon]) }
    // Names are made unique with a number at the end.
    let words = name.split(separator: "_").filter { Int($0) == nil }
    switch (words.dropLast().last, words.last) {
    case (_, "kernel"?), (_, "W"?): return .kernel
    case (_, "bias"?), (_, "b"?): return .bias
    case (_, "gamma"?): return .gamma
    case (_, "beta"?): return .beta
    case ("moving"?, "mean"?), ("running"?, "mean"?): return .mean
    // The file of 2016 calls the variance a standard deviation.
    case ("moving"?, "variance"?), ("running"?, "std"?), ("running"?, "var"?): return .variance
    // Those of a Normalization.
    case (nil, "mean"?): return .mean
    case (nil, "variance"?): return .variance
    case (nil, "count"?): return .count
    default: return nil
    }
  }

  // MARK: Files of Keras 3, whose groups are numbered by class

  private static func numbered(
    _ file: HDF5File, _ configuration: KerasConfiguration?
  ) throws(FileError) -> [Layer] {
    var groups: [(path: String, name: String?)] = []
    for variables in sortedByBytes(Set(file.datasets.keys.map(folder)))
    where variables.hasSuffix("/vars") {
      let path = String(variables.dropLast("/vars".count))
      if path.hasPrefix("optimizer") || isRandomState(path)
        || file.datasets["\(variables)/0"] == nil
      {
        continue
      }
      groups.append((path, file.attributes[variables]?["name"]?.first))
    }
    let guesses = KerasLayerOrder(groups.map(\.path), configuration)
    var layers: [Layer] = []
    for (path, name) in groups {
      guard let kind = KerasLayerOrder.Kind(path), let name = name ?? guesses.names[path] else {
        throw FileError(
          .entryUnexpected, file.path,
          "the layer \(quoted(path)) does not belong to a ResNet", entry: path)
      }
      var layer = Layer(name: name)
      for (index, role) in kind.roles.enumerated() {
        let dataset = "\(path)/vars/\(index)"
        if file.datasets[dataset] != nil { layer.datasets[role] = dataset }
      }
      layers.append(layer)
    }
    return layers
  }
}

/// Names for the groups of Keras 3 files that have none: versions before 3.6 number layers by
/// class.
package struct KerasLayerOrder {
  /// The classes of layers with weights in a ResNet.
  package enum Kind: String, CaseIterable {
    case convolution = "conv2d"
    case norm = "batch_normalization"
    case dense = "dense"
    case normalization = "normalization"

    /// The kind of the group at `path`, such as `layers/conv2d_12`.
    package init?(_ path: String) {
      let name = Self.withoutNumber(lastComponent(path))
      guard let kind = Kind(rawValue: name) else { return nil }
      self = kind
    }

    /// What the datasets `0`, `1`, ... are.
    package var roles: [KerasLayers.Role] {
      switch self {
      case .convolution, .dense: [.kernel, .bias]
      case .norm: [.gamma, .beta, .mean, .variance]
      case .normalization: [.mean, .variance, .count]
      }
    }

    /// The class in Keras' configuration.
    package var className: String {
      switch self {
      case .convolution: "Conv2D"
      case .norm: "BatchNormalization"
      case .dense: "Dense"
      case .normalization: "Normalization"
      }
    }

    private static func withoutNumber(_ name: String) -> String {
      guard let bar = name.lastIndex(of: "_"), Int(name[name.index(after: bar)...]) != nil else {
        return name
      }
      return String(name[..<bar])
    }
  }

  /// Layer names by group.
  package let names: [String: String]

  package init(_ paths: [String], _ configuration: KerasConfiguration?) {
    var names: [String: String] = [:]
    for kind in Kind.allCases {
      let sorted = paths.filter { Kind($0) == kind }.sorted { Self.number($0) < Self.number($1) }
      let inModel = configuration?.layers.filter { $0.className == kind.className }.map(\.name)
      let isOfNetwork = kind == .convolution || kind == .norm
      let usual = isOfNetwork ? Self.usual(kind, sorted.count) : sorted.map(lastComponent)
      for (path, name) in zip(sorted, inModel ?? usual) { names[path] = name }
    }
    self.names = names
  }

  private static func number(_ path: String) -> Int {
    path.split(separator: "_").last.flatMap { Int($0) } ?? 0
  }

  /// The order of `keras.applications`: the first block of a stage is 1, 2, shortcut, 3.
  private static func usual(_ kind: Kind, _ count: Int) -> [String] {
    let suffix = kind == .convolution ? "conv" : "bn"
    // One at the start, three in each block, one shortcut in each stage.
    let network = BackboneLayout.known.first { $0.blocks.reduce(0, +) * 3 + 5 == count }
    let blocks = network?.blocks ?? []
    var names = ["conv1_\(suffix)"]
    for (stage, blockCount) in blocks.enumerated() {
      for block in 1...blockCount {
        for unit in block == 1 ? [1, 2, 0, 3] : [1, 2, 3] {
          names.append("conv\(stage + 2)_block\(block)_\(unit)_\(suffix)")
        }
      }
    }
    return names
  }
}
