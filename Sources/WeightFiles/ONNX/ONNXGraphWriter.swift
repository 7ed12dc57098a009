import Tensors

/// Builds an ONNX graph operation by operation.
///
/// Each method appends one operation and gives the name of its result. The operations are those of opset 13, the oldest
/// with today's Softmax, so that old runtimes, also in browsers, load the file.
struct ONNXGraphWriter {
  /// The version of the operations.
  static let opset = 13
  /// The version of the file format that goes with it.
  private static let formatVersion = 7

  /// Element types by their number in `onnx.proto`.
  enum DataType: Int {
    case float32 = 1
    case uint8 = 2
    case int64 = 7
  }

  private enum Attribute {
    case integer(Int)
    case integers([Int])
    case float(Float)
  }

  private var nodes = ProtobufWriter()
  private var initialisers = ProtobufWriter()
  private var count = 0

  // MARK: Operations

  mutating func convolution(_ input: String, weight: String, stride: Int, padding: Int) -> String {
    add(
      "Conv", [input, weight],
      [
        ("strides", .integers([stride, stride])),
        ("pads", .integers([padding, padding, padding, padding])),
      ])
  }

  mutating func batchNorm(_ input: String, _ norm: String, epsilon: Double) -> String {
    let parts = ["weight", "bias", "running_mean", "running_var"].map { "\(norm).\($0)" }
    return add("BatchNormalization", [input] + parts, [("epsilon", .float(Float(epsilon)))])
  }

  mutating func relu(_ input: String) -> String { add("Relu", [input]) }

  mutating func sum(_ first: String, _ second: String) -> String { add("Add", [first, second]) }

  mutating func maxPool(_ input: String, _ kind: WeightConventions.MaxPool) -> String {
    let padding = kind == .padded ? 1 : 0
    return add(
      "MaxPool", [input],
      [
        ("kernel_shape", .integers([3, 3])), ("strides", .integers([2, 2])),
        ("pads", .integers([padding, padding, padding, padding])),
        ("ceil_mode", .integer(kind == .ceiling ? 1 : 0)),
      ])
  }

  /// The mean of each channel, [n, channels].
  mutating func channelMeans(_ input: String) -> String {
    let means = add("GlobalAveragePool", [input])
    return add("Flatten", [means], [("axis", .integer(1))])
  }

  mutating func linear(_ input: String, _ name: String) -> String {
    add("Gemm", [input, "\(name).weight", "\(name).bias"], [("transB", .integer(1))])
  }

  /// Bytes [n, rows, columns, 3] in RGB order to the network's input [n, 3, rows, columns].
  mutating func normalised(_ input: String, _ pixels: PixelConvention) -> String {
    var value = add("Cast", [input], [("to", .integer(DataType.float32.rawValue))])
    if pixels.channelOrder == "BGR" {
      integers("preprocessing.order", [2, 1, 0])
      value = add("Gather", [value, "preprocessing.order"], [("axis", .integer(3))])
    }
    // (pixel * scale - mean) / deviation, as one product and one sum.
    let factors = pixels.deviation.map { Float(pixels.scale / $0) }
    let offsets = zip(pixels.mean, pixels.deviation).map { Float(-$0 / $1) }
    tensor("preprocessing.factor", Tensor(shape: [3], values: factors))
    tensor("preprocessing.offset", Tensor(shape: [3], values: offsets))
    value = add("Mul", [value, "preprocessing.factor"])
    value = add("Add", [value, "preprocessing.offset"])
    return add("Transpose", [value], [("perm", .integers([0, 3, 1, 2]))])
  }

  /// The probabilities of the classes, as the graph's result of that name.
  mutating func softmax(_ input: String, output: String) {
    add("Softmax", [input], [("axis", .integer(1))], output: output)
  }

  // MARK: Tensors and the file

  /// Adds a constant of floats.
  mutating func tensor(_ name: String, _ tensor: Tensor<Float>) {
    constant(name, .float32, tensor.shape, tensor.values)
  }

  private mutating func integers(_ name: String, _ values: [Int64]) {
    constant(name, .int64, [values.count], values)
  }

  /// The bytes of the model; the first dimension of input and output may be of any length.
  func model(
    input: (name: String, type: DataType, shape: [Int]), output: (name: String, shape: [Int]),
    metadata: [String: String]
  ) -> [UInt8] {
    var graph = ProtobufWriter()
    graph.text(2, "avp-dist")
    Self.value(&graph, 11, input.name, input.type, input.shape)
    Self.value(&graph, 12, output.name, .float32, output.shape)
    let content = nodes.bytes + initialisers.bytes + graph.bytes
    var model = ProtobufWriter()
    model.integer(1, Self.formatVersion)
    model.text(2, "avp-dist")
    for key in sortedByBytes(metadata.keys) {
      model.message(14) { entry in
        entry.text(1, key)
        entry.text(2, metadata[key] ?? "")
      }
    }
    model.message(8) { $0.integer(2, Self.opset) }
    model.data(7, content)
    return model.bytes
  }

  @discardableResult
  private mutating func add(
    _ operation: String, _ inputs: [String], _ attributes: [(String, Attribute)] = [],
    output: String? = nil
  ) -> String {
    count += 1
    let output = output ?? "\(operation.lowercased()).\(count)"
    nodes.message(1) { node in
      for input in inputs { node.text(1, input) }
      node.text(2, output)
      node.text(3, "\(operation)_\(count)")
      node.text(4, operation)
      for (name, value) in attributes {
        node.message(5) { Self.write(value, name, to: &$0) }
      }
    }
    return output
  }

  private static func write(_ value: Attribute, _ name: String, to attribute: inout ProtobufWriter)
  {
    attribute.text(1, name)
    switch value {
    case .float(let number):
      attribute.float(2, number)
      attribute.integer(20, 1)
    case .integer(let number):
      attribute.integer(3, number)
      attribute.integer(20, 2)
    case .integers(let numbers):
      for number in numbers { attribute.integer(8, number) }
      attribute.integer(20, 7)
    }
  }

  private mutating func constant(
    _ name: String, _ type: DataType, _ shape: [Int], _ values: [some BitwiseCopyable]
  ) {
    initialisers.message(5) { tensor in
      for extent in shape { tensor.integer(1, extent) }
      tensor.integer(2, type.rawValue)
      tensor.text(8, name)
      var raw: [UInt8] = []
      appendRaw(values, to: &raw)
      tensor.data(9, raw)
    }
  }

  /// An input or output: its name, type and shape after the number of pictures.
  private static func value(
    _ graph: inout ProtobufWriter, _ field: Int, _ name: String, _ type: DataType, _ shape: [Int]
  ) {
    graph.message(field) { info in
      info.text(1, name)
      info.message(2) { kind in
        kind.message(1) { tensor in
          tensor.integer(1, type.rawValue)
          tensor.message(2) { dimensions in
            dimensions.message(1) { $0.text(2, "n") }
            for extent in shape { dimensions.message(1) { $0.integer(1, extent) } }
          }
        }
      }
    }
  }
}
