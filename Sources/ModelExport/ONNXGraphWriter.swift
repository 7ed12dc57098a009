import FileIO
import ResNetWeights
import TensorFormats
import Tensors

/// Builds an ONNX graph operation by operation and writes it to a file.
///
/// Each method appends one operation and gives the name of its result. The operations are those of
/// opset 13, the oldest with today's Softmax, so that old runtimes, also in browsers, load the
/// file. Weights are only declared here, and read one at a time when the file is written.
package struct ONNXGraphWriter {
  /// The version of the operations.
  package static let opset = 13
  /// The version of the file format that goes with it.
  private static let formatVersion = 7

  /// Element types by their number in `onnx.proto`.
  package enum DataType: Int {
    case float32 = 1
    case uint8 = 2
    case int64 = 7
  }

  private enum Attribute {
    case integer(Int)
    case integers([Int])
    case float(Float)
  }

  /// A tensor of the graph: what stands before its elements in the file, and where they come from.
  private struct Initialiser {
    let head: [UInt8]
    let values: Values

    enum Values {
      case bytes([UInt8])
      /// The weight of that name, by its number of bytes.
      case weight(String, size: Int)
    }

    /// Bytes in the file.
    var size: Int {
      switch values {
      case .bytes(let bytes): head.count + bytes.count
      case .weight(_, let size): head.count + size
      }
    }
  }

  private var nodes = ProtobufWriter()
  private var initialisers: [Initialiser] = []
  private var count = 0

  // MARK: Operations

  package mutating func convolution(_ input: String, weight: String, stride: Int, padding: Int)
    -> String
  {
    add(
      "Conv", [input, weight],
      [
        ("strides", .integers([stride, stride])),
        ("pads", .integers([padding, padding, padding, padding])),
      ])
  }

  package mutating func batchNorm(_ input: String, _ norm: String, epsilon: Double) -> String {
    let parts = ["weight", "bias", "running_mean", "running_var"].map { "\(norm).\($0)" }
    return add("BatchNormalization", [input] + parts, [("epsilon", .float(Float(epsilon)))])
  }

  package mutating func relu(_ input: String) -> String { add("Relu", [input]) }

  package mutating func sum(_ first: String, _ second: String) -> String {
    add("Add", [first, second])
  }

  package mutating func maxPool(_ input: String, _ kind: WeightConventions.MaxPool) -> String {
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
  package mutating func channelMeans(_ input: String) -> String {
    let means = add("GlobalAveragePool", [input])
    return add("Flatten", [means], [("axis", .integer(1))])
  }

  package mutating func linear(_ input: String, _ name: String) -> String {
    add("Gemm", [input, "\(name).weight", "\(name).bias"], [("transB", .integer(1))])
  }

  /// Bytes [n, rows, columns, 3] in RGB order to the network's input [n, 3, rows, columns].
  package mutating func normalised(_ input: String, _ pixels: Normalisation) -> String {
    var value = add("Cast", [input], [("to", .integer(DataType.float32.rawValue))])
    if pixels.channelOrder == .bgr {
      constant("preprocessing.order", .int64, [2, 1, 0] as [Int64])
      value = add("Gather", [value, "preprocessing.order"], [("axis", .integer(3))])
    }
    // (pixel * scale - mean) / std, as one product and one sum.
    let factors = SIMD3<Float>(pixels.scale / pixels.std)
    let offsets = SIMD3<Float>(pixels.mean / -pixels.std)
    constant("preprocessing.factor", .float32, factors.elements)
    constant("preprocessing.offset", .float32, offsets.elements)
    value = add("Mul", [value, "preprocessing.factor"])
    value = add("Add", [value, "preprocessing.offset"])
    return add("Transpose", [value], [("perm", .integers([0, 3, 1, 2]))])
  }

  /// The probabilities of the classes, as the graph's result of that name.
  package mutating func softmax(_ input: String, output: String) {
    add("Softmax", [input], [("axis", .integer(1))], output: output)
  }

  // MARK: Tensors and the file

  /// Declares a weight, whose values are asked for when the file is written.
  package mutating func weight(_ name: String, shape: [Int]) {
    let size = shape.reduce(ElementType.float32.size, *)
    initialise(name, .float32, shape, .weight(name, size: size), size)
  }

  private mutating func constant(
    _ name: String, _ type: DataType, _ values: [some BitwiseCopyable]
  ) {
    let raw = littleEndianBytes(of: values)
    initialise(name, type, [values.count], .bytes(raw), raw.count)
  }

  private mutating func initialise(
    _ name: String, _ type: DataType, _ shape: [Int], _ values: Initialiser.Values, _ size: Int
  ) {
    var tensor = ProtobufWriter()
    for extent in shape { tensor.integer(1, extent) }
    tensor.integer(2, type.rawValue)
    tensor.text(8, name)
    tensor.start(9, size)
    var field = ProtobufWriter()
    field.start(5, tensor.bytes.count + size)
    initialisers.append(Initialiser(head: field.bytes + tensor.bytes, values: values))
  }

  /// Writes the model to `path`; the first dimension of input and output may be of any length.
  ///
  /// - Parameter values: The values of the weight of that name.
  package func write(
    input: (name: String, type: DataType, shape: [Int]), output: (name: String, shape: [Int]),
    metadata: [String: String], to path: String,
    values: (_ name: String) throws(FileError) -> [Float]
  ) throws(FileError) {
    var graph = ProtobufWriter()
    graph.text(2, "avp-dist")
    Self.value(&graph, 11, input.name, input.type, input.shape)
    Self.value(&graph, 12, output.name, .float32, output.shape)
    var model = Self.head(metadata)
    model.start(
      7, initialisers.reduce(nodes.bytes.count + graph.bytes.count) { $0 + $1.size })
    try TemporaryFile(beside: path).complete { (file) throws(FileError) in
      try file.append(model.bytes)
      try file.append(nodes.bytes)
      for initialiser in initialisers {
        try file.append(initialiser.head)
        switch initialiser.values {
        case .bytes(let bytes): try file.append(bytes)
        case .weight(let name, _): try file.append(littleEndianBytes(of: values(name)))
        }
      }
      try file.append(graph.bytes)
    }
  }

  /// The model's fields before the graph.
  private static func head(_ metadata: [String: String]) -> ProtobufWriter {
    var model = ProtobufWriter()
    model.integer(1, formatVersion)
    model.text(2, "avp-dist")
    for key in sortedByBytes(metadata.keys) {
      model.message(14) { entry in
        entry.text(1, key)
        entry.text(2, metadata[key] ?? "")
      }
    }
    model.message(8) { $0.integer(2, opset) }
    return model
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

  /// An input or output: its name, type and shape after the number of images.
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
