import FileIO

/// What a Keras model says about its layers in JSON: the `model_config` of an `.h5` file, the
/// `config.json` of a `.keras` file.
package struct KerasConfiguration: Sendable {
  /// One layer, with the few settings that matter here.
  package struct Layer: Sendable, Equatable {
    package var className = ""
    package var name = ""
    package var epsilon: Double?
    package var strides: [Int]?
    package var padding: String?
    package var groups = 1
    /// Settings of layers that prepare pixels, and where the outputs of a model come from.
    package var settings: [String: JSONValue] = [:]
    /// What the layer is called with; nil in a model that is a plain row of layers.
    package var calls: JSONValue?
    /// The index of the model that the layer is a part of; nil for the whole.
    package var parent: Int?
  }

  /// All layers, a model before its own layers, in the order of the text.
  package let layers: [Layer]

  /// The longest text that is read; the one of a ResNet-152 has 600 KB.
  package static let lengthLimit = 16 << 20
  /// The most layers that are read; a ResNet-152 has about 500.
  private static let layerLimit = 20_000

  package init(_ json: [UInt8], path: String) throws(FileError) {
    guard json.count <= Self.lengthLimit else {
      throw FileError(.unsupported, path, "has a model configuration of \(json.count) bytes")
    }
    do throws(JSONReader.Failure) {
      var reader = JSONReader(json)
      var layers: [Layer] = []
      try Self.readLayer(&reader, into: &layers)
      try reader.finish()
      self.layers = layers
    } catch {
      throw FileError(.damaged, path, "the model configuration is damaged: \(error)")
    }
  }

  /// The conventions of the network, with `defaults` for what the layers do not show (one that ends
  /// before its second stage has no stride); nil where they show nothing.
  ///
  /// - Throws: where they contradict each other.
  package func conventions(
    defaults: WeightConventions, path: String
  ) throws(FileError) -> WeightConventions? {
    let epsilons = Set(
      layers.filter { $0.className == "BatchNormalization" && KerasLayerName($0.name) != nil }
        .compactMap(\.epsilon))
    guard !epsilons.isEmpty || stridePosition != nil || maxPool != nil else { return nil }
    guard epsilons.count <= 1, epsilons.allSatisfy({ $0 > 0 && $0 < 1 }) else {
      let list = epsilons.sorted().map(plain).joined(separator: ", ")
      throw FileError(
        .unsupported, path, "has batch-norms with epsilons that no ResNet has together: \(list)")
    }
    return WeightConventions(
      stridePosition: stridePosition ?? defaults.stridePosition,
      batchNormEpsilon: epsilons.first ?? defaults.batchNormEpsilon,
      maxPool: maxPool ?? defaults.maxPool)
  }

  /// Where the second stage (or the first one that halves the image) has its stride.
  private var stridePosition: WeightConventions.StridePosition? {
    for layer in layers where layer.className == "Conv2D" && layer.strides == [2, 2] {
      guard let name = KerasLayerName(layer.name)?.canonical else { continue }
      if name.hasSuffix(".0.conv1") { return .firstConvolution }
      if name.hasSuffix(".0.conv2") { return .secondConvolution }
    }
    return nil
  }

  private var maxPool: WeightConventions.MaxPool? {
    guard let pool = layers.first(where: { $0.className == "MaxPooling2D" }) else { return nil }
    // TensorFlow's "same" pads only at the end where the size is even, as a window that hangs over.
    if pool.padding == "same" { return .ceiling }
    let isPadded = layers.contains { $0.className == "ZeroPadding2D" && $0.name.contains("pool") }
    return isPadded ? .padded : .unpadded
  }

  /// Reads any value; objects with a class name are layers.
  private static func readLayer(
    _ reader: inout JSONReader, into layers: inout [Layer], parent: Int? = nil
  ) throws(JSONReader.Failure) {
    guard reader.peek() == UInt8(ascii: "{") else { return try reader.skip() }
    guard layers.count < layerLimit else { throw reader.failure("too many layers for a ResNet") }
    let index = layers.count
    layers.append(Layer(parent: parent))
    var layer = Layer(parent: parent)
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      switch (key, reader.peek()) {
      case ("class_name", UInt8(ascii: "\"")): layer.className = try reader.string()
      case ("config", UInt8(ascii: "{")):
        try readSettings(&reader, of: &layer, into: &layers, at: index)
      case ("config", UInt8(ascii: "[")): try readLayers(&reader, into: &layers, parent: index)
      case ("inbound_nodes", UInt8(ascii: "[")): layer.calls = try reader.value()
      default: try reader.skip()
      }
    }
    layers[index] = layer
  }

  private static func readLayers(
    _ reader: inout JSONReader, into layers: inout [Layer], parent: Int
  ) throws(JSONReader.Failure) {
    try reader.array { (reader) throws(JSONReader.Failure) in
      try readLayer(&reader, into: &layers, parent: parent)
    }
  }

  /// The settings that are retained as they are.
  private static let retainedSettings: Set<String> = [
    "scale", "offset", "mean", "variance", "invert", "height", "width", "axis", "output_layers",
  ]

  private static func readSettings(
    _ reader: inout JSONReader, of layer: inout Layer, into layers: inout [Layer], at index: Int
  ) throws(JSONReader.Failure) {
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      let first = reader.peek()
      switch key {
      case "name" where first == UInt8(ascii: "\""): layer.name = try reader.string()
      case "padding" where first == UInt8(ascii: "\""): layer.padding = try reader.string()
      case "epsilon" where first != UInt8(ascii: "n"): layer.epsilon = try reader.number()
      case "groups" where first != UInt8(ascii: "n"): layer.groups = try reader.wholeNumber()
      case "strides" where first == UInt8(ascii: "["):
        var strides: [Int] = []
        try reader.array { (reader) throws(JSONReader.Failure) in
          strides.append(try reader.wholeNumber())
        }
        layer.strides = strides
      case "layers" where first == UInt8(ascii: "["):
        try readLayers(&reader, into: &layers, parent: index)
      case _ where retainedSettings.contains(key): layer.settings[key] = try reader.value()
      default: try reader.skip()
      }
    }
  }
}
