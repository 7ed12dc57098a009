import FileIO

/// Builds the JSON that describes a Keras model, layer by layer.
///
/// Layers are connected in the list form of Keras 2, which every Keras 3 reads.
package struct KerasArchitecture {
  private var layers: [JSONText] = []
  private var firstName = ""
  private var lastName = ""
  /// The name of the last layer added.
  package var last: String { lastName }

  /// Starts with an input of the given shape.
  package init(input shape: [Int]) {
    let batch = JSONText.array([.null] + shape.map { .integer($0) })
    firstName = "pictures"
    if shape.count == 1 { firstName = "features" }
    add("InputLayer", firstName, [("batch_shape", batch), ("dtype", .string("float32"))], [])
  }

  /// Rows and columns of zeros on every side.
  package mutating func padding(_ name: String, _ size: Int) {
    add(
      "ZeroPadding2D", name,
      [("padding", .array([.integers([size, size]), .integers([size, size])]))])
  }

  /// A convolution with a bias, as the ones of `keras.applications` have.
  package mutating func convolution(
    _ name: String, filters: Int, kernel: Int, stride: Int = 1, same: Bool = false,
    from input: String? = nil
  ) {
    add(
      "Conv2D", name,
      [
        ("filters", .integer(filters)), ("kernel_size", .integers([kernel, kernel])),
        ("strides", .integers([stride, stride])), ("padding", .string(same ? "same" : "valid")),
        ("data_format", .string("channels_last")), ("activation", .string("linear")),
        ("use_bias", .boolean(true)),
      ], input.map { [$0] })
  }

  /// A batch-norm over the channels.
  package mutating func norm(_ name: String, epsilon: Double) {
    add(
      "BatchNormalization", name,
      [("axis", .integer(3)), ("momentum", .number(0.99)), ("epsilon", .number(epsilon))])
  }

  /// ReLU.
  package mutating func relu(_ name: String) {
    add("Activation", name, [("activation", .string("relu"))])
  }

  /// The maximum of 3x3 pixels with stride 2.
  package mutating func maxPool(_ name: String, same: Bool) {
    add(
      "MaxPooling2D", name,
      [
        ("pool_size", .integers([3, 3])), ("strides", .integers([2, 2])),
        ("padding", .string(same ? "same" : "valid")), ("data_format", .string("channels_last")),
      ])
  }

  /// The sum of two layers.
  package mutating func sum(_ name: String, _ first: String, _ second: String) {
    add("Add", name, [], [first, second])
  }

  /// The mean of each channel.
  package mutating func channelMeans(_ name: String) {
    add("GlobalAveragePooling2D", name, [("data_format", .string("channels_last"))])
  }

  /// A dense layer.
  package mutating func dense(_ name: String, units: Int, activation: String) {
    add(
      "Dense", name,
      [
        ("units", .integer(units)), ("activation", .string(activation)),
        ("use_bias", .boolean(true)),
      ])
  }

  /// The whole description.
  package func text(name: String) -> String {
    func end(_ layer: String) -> JSONText {
      .array([.array([.string(layer), .integer(0), .integer(0)])])
    }
    return JSONText.object([
      ("module", .string("keras.src.models.functional")), ("class_name", .string("Functional")),
      ("registered_name", .null),
      (
        "config",
        .object([
          ("name", .string(name)), ("trainable", .boolean(true)), ("layers", .array(layers)),
          ("input_layers", end(firstName)), ("output_layers", end(lastName)),
        ])
      ),
      ("keras_version", .string(Self.version)), ("backend", .string("tensorflow")),
    ]).text
  }

  /// The version of Keras whose layout this is.
  package static let version = "3.0.0"

  private mutating func add(
    _ className: String, _ name: String, _ settings: [(String, JSONText)],
    _ inputs: [String]? = nil
  ) {
    let sources = inputs ?? [lastName]
    let node = JSONText.array(
      sources.map { .array([.string($0), .integer(0), .integer(0), .object([])]) })
    layers.append(
      .object([
        ("module", .string("keras.layers")), ("class_name", .string(className)),
        ("registered_name", .null),
        ("config", .object([("name", .string(name)), ("trainable", .boolean(true))] + settings)),
        ("name", .string(name)), ("inbound_nodes", .array(sources.isEmpty ? [] : [node])),
      ]))
    lastName = name
  }
}
