import FileIO

/// The path from the first convolution of a Keras ResNet back to the model's input.
package struct KerasInputPath {
  /// A layer that changes pixels.
  package struct Operation {
    package let layer: KerasConfiguration.Layer
    /// What it is called with beside the pixels.
    package var constant: JSONValue?
    /// Whether the pixels are what it is called with first.
    package var isFirst = true
  }

  /// What changes pixels, the last one first. A reversal of the channels has the class "reversal".
  package private(set) var operations: [Operation] = []
  private let layers: [KerasConfiguration.Layer]
  private let path: String

  /// The most layers on a path; hostile files lead in circles.
  private static let lengthLimit = 200

  package init(_ configuration: KerasConfiguration, path: String) throws(FileError) {
    layers = configuration.layers
    self.path = path
    let stem = layers.firstIndex { layer in
      layer.className == "Conv2D" && KerasLayerName(layer.name)?.canonical == "conv1"
    }
    guard let stem else { return }
    var current = try before(stem)
    // The padding of the first convolution.
    if let padding = current, layers[padding].className == "ZeroPadding2D" {
      current = try before(padding)
    }
    for _ in 0..<Self.lengthLimit {
      guard let index = current else { return }
      current = try pass(index)
    }
    throw KerasPixels.unsupported(layers[stem], path)
  }

  /// Notes what the layer at `index` does, and gives the layer before it.
  private mutating func pass(_ index: Int) throws(FileError) -> Int? {
    let layer = layers[index]
    if Self.isIdentity(layer) { return try before(index) }
    if let inside = try lastLayer(of: index) { return inside }
    if layer.className == "Stack" || layer.className == "GetItem" {
      return try passReversal(index)
    }
    let (arguments, _) = try call(layer)
    let constant = arguments.first { Self.source($0) == nil && $0 != .null }
    operations.append(
      Operation(
        layer: layer, constant: constant,
        isFirst: arguments.first.map { Self.source($0) != nil } ?? true))
    return try before(index)
  }

  /// Whether a layer does nothing when the model is used, or not for images of this size.
  private static func isIdentity(_ layer: KerasConfiguration.Layer) -> Bool {
    switch layer.className {
    case "InputLayer", "Identity", "Dropout", "SpatialDropout2D", "GaussianNoise",
      "GaussianDropout", "ActivityRegularization", "RandAugment", "AugMix", "MixUp", "CutMix":
      true
    case "Resizing", "CenterCrop", "RandomCrop":
      layer.settings["height"] == .number(224) && layer.settings["width"] == .number(224)
    default: layer.className.hasPrefix("Random")
    }
  }

  // MARK: Which layer stands before which

  /// The layer before the one at `index`; nil at the model's input.
  private func before(_ index: Int) throws(FileError) -> Int? {
    let layer = layers[index]
    let sources = layer.className == "InputLayer" ? [] : try call(layer).sources
    if let name = sources.first {
      guard sources.allSatisfy({ $0 == name }), let found = sibling(name, of: index) else {
        throw KerasPixels.unsupported(layer, path)
      }
      return found
    }
    // In a row of layers the one before; at its start, as at an input, what the model is called with.
    if layer.className != "InputLayer",
      let previous = layers[..<index].lastIndex(where: { $0.parent == layer.parent })
    {
      return previous
    }
    guard let parent = layer.parent, layers[parent].parent != nil else { return nil }
    return try before(parent)
  }

  private func sibling(_ name: String, of index: Int) -> Int? {
    layers.firstIndex { $0.name == name && $0.parent == layers[index].parent }
  }

  /// The layer that makes the output of the model at `index`; nil where it is no model.
  private func lastLayer(of index: Int) throws(FileError) -> Int? {
    guard let last = layers.lastIndex(where: { $0.parent == index }) else { return nil }
    guard let output = layers[index].settings["output_layers"] else { return last }
    // ["name", 0, 0], or a list of such.
    let first = output.array?.first
    guard let name = first?.string ?? first?.array?.first?.string,
      let found = layers.firstIndex(where: { $0.name == name && $0.parent == index })
    else { throw KerasPixels.unsupported(layers[index], path) }
    return found
  }

  // MARK: What a layer is called with

  /// The arguments of all calls of a layer, and the names of the layers that some come from.
  private func call(
    _ layer: KerasConfiguration.Layer
  ) throws(FileError) -> (arguments: [JSONValue], sources: [String]) {
    var arguments: [JSONValue] = []
    for node in layer.calls?.array ?? [] {
      // Keras 3 has objects with arguments, Keras 2 lists of [name, 0, 0, {...}].
      if let list = node["args"]?.array {
        arguments += list
        if case .object(let named)? = node["kwargs"] {
          arguments += named.values.filter { Self.source($0) != nil }
        }
      } else if let list = node.array {
        arguments += list.first?.array == nil ? [node] : list
      }
    }
    return (arguments, arguments.compactMap(Self.source))
  }

  /// The name of the layer that makes an argument; nil for a constant.
  private static func source(_ argument: JSONValue) -> String? {
    argument["config"]?["keras_history"]?.array?.first?.string ?? argument.array?.first?.string
  }

  /// Passes over `x[..., ::-1]`, and what `preprocess_input` writes for it: one layer for each
  /// channel, and one that puts them together. Gives the layer before.
  private mutating func passReversal(_ index: Int) throws(FileError) -> Int? {
    let layer = layers[index]
    let (arguments, _) = try call(layer)
    var reversal = layer
    reversal.className = "reversal"
    if layer.className == "GetItem" {
      guard arguments.count == 2, let parts = arguments[1].array, parts.count == 2,
        parts[0]["class_name"]?.string == "__ellipsis__",
        parts[1]["config"]?["step"] == .number(-1),
        parts[1]["config"]?["start"] == nil, parts[1]["config"]?["stop"] == nil
      else { throw KerasPixels.unsupported(layer, path) }
      operations.append(Operation(layer: reversal))
      return try before(index)
    }
    guard layer.settings["axis"] == .number(-1), let channels = arguments.first?.array,
      channels.count == 3, arguments.count == 1
    else { throw KerasPixels.unsupported(layer, path) }
    var sources: Set<Int?> = []
    for (position, channel) in channels.enumerated() {
      guard let item = Self.source(channel).flatMap({ sibling($0, of: index) }),
        layers[item].className == "GetItem", case let call = try call(layers[item]).arguments,
        call.count == 2, let parts = call[1].array, parts.count == 2,
        parts[0]["class_name"]?.string == "__ellipsis__",
        parts[1] == .number(Double(2 - position))
      else { throw KerasPixels.unsupported(layer, path) }
      sources.insert(try before(item))
    }
    guard sources.count == 1, let source = sources.first else {
      throw KerasPixels.unsupported(layer, path)
    }
    operations.append(Operation(layer: reversal))
    return source
  }
}
