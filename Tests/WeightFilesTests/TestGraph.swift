import FileIO

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// An ONNX graph that a test can change before it is written.
struct TestGraph {
  /// One operation; its name is that of its output.
  struct Node {
    var operation: String
    let name: String
    var inputs: [String]
    var integers: [String: [Int]] = [:]
    var floats: [String: Float] = [:]
    var texts: [String: String] = [:]
  }

  private(set) var nodes: [Node] = []
  var tensors: [String: Tensor<Float>] = [:]
  /// Constants of whole numbers.
  var lists: [String: [Int]] = [:]
  /// Shapes to write instead of a tensor's own.
  var shapes: [String: [Int]] = [:]
  var producer = "test"

  /// The network of the reference file, with torchvision's conventions.
  static func resNet() throws -> TestGraph {
    let reference = try Golden.reference()
    var graph = TestGraph()
    for name in reference.names { graph.tensors[name] = try reference.floats(name) }
    graph.unit("conv1", "bn1", from: "pictures", stride: 2, padding: 3)
    graph.add("Relu", "bn1.relu", ["bn1"])
    graph.add(
      "MaxPool", "maxpool", ["bn1.relu"],
      ["kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]])
    var value = "maxpool"
    for stage in 1...4 {
      let name = "layer\(stage).0"
      let stride = stage == 1 ? 1 : 2
      graph.unit("\(name).conv1", "\(name).bn1", from: value, stride: 1, padding: 0)
      graph.add("Relu", "\(name).bn1.relu", ["\(name).bn1"])
      graph.unit(
        "\(name).conv2", "\(name).bn2", from: "\(name).bn1.relu", stride: stride, padding: 1)
      graph.add("Relu", "\(name).bn2.relu", ["\(name).bn2"])
      graph.unit("\(name).conv3", "\(name).bn3", from: "\(name).bn2.relu", stride: 1, padding: 0)
      graph.unit(
        "\(name).downsample.0", "\(name).downsample.1", from: value, stride: stride, padding: 0)
      graph.add("Add", "\(name).add", ["\(name).bn3", "\(name).downsample.1"])
      graph.add("Relu", "\(name).out", ["\(name).add"])
      value = "\(name).out"
    }
    return graph
  }

  /// The operation that makes the value `name`.
  subscript(name: String) -> Node? {
    get { nodes.first { $0.name == name } }
    set {
      guard let index = nodes.firstIndex(where: { $0.name == name }), let newValue else { return }
      nodes[index] = newValue
    }
  }

  /// Takes the operation `name` out; what used its result uses its input.
  mutating func remove(_ name: String) {
    guard let input = self[name]?.inputs.first else { return }
    nodes.removeAll { $0.name == name }
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { $0 == name ? input : $0 }
    }
  }

  /// Puts an operation before the first input of `name`, with the constants of the operation
  /// `other`.
  mutating func insert(_ operation: String, like other: String? = nil, before name: String) {
    guard let index = nodes.firstIndex(where: { $0.name == name }) else { return }
    let constants = other.flatMap { self[$0]?.inputs.dropFirst() } ?? []
    let inserted = Node(
      operation: operation, name: "\(name).\(operation)",
      inputs: [nodes[index].inputs[0]] + constants)
    nodes[index].inputs[0] = inserted.name
    nodes.insert(inserted, at: index)
  }

  private mutating func add(
    _ operation: String, _ name: String, _ inputs: [String], _ integers: [String: [Int]] = [:]
  ) {
    nodes.append(Node(operation: operation, name: name, inputs: inputs, integers: integers))
  }

  private mutating func unit(
    _ convolution: String, _ norm: String, from input: String, stride: Int, padding: Int
  ) {
    add(
      "Conv", convolution, [input, "\(convolution).weight"],
      [
        "strides": [stride, stride], "pads": [Int](repeating: padding, count: 4),
        "dilations": [1, 1], "group": [1],
      ])
    let parts = ["weight", "bias", "running_mean", "running_var"].map { "\(norm).\($0)" }
    add("BatchNormalization", norm, [convolution] + parts)
  }

  /// The file.
  func encoded() -> [UInt8] {
    var model = ProtobufWriter()
    model.integer(1, 7)
    model.text(2, producer)
    model.message(7) { graph in
      for node in nodes { graph.message(1) { Self.write(node, to: &$0) } }
      for (name, tensor) in tensors {
        graph.message(5) { message in
          for extent in shapes[name] ?? tensor.shape { message.integer(1, extent) }
          message.integer(2, 1)
          message.text(8, name)
          var raw: [UInt8] = []
          raw.append(littleEndian: tensor.values)
          message.data(9, raw)
        }
      }
      for (name, list) in lists {
        graph.message(5) { message in
          message.integer(1, list.count)
          message.integer(2, 7)
          message.text(8, name)
          message.data(9, list.flatMap { little($0, 8) })
        }
      }
    }
    return model.bytes
  }

  private static func write(_ node: Node, to message: inout ProtobufWriter) {
    for input in node.inputs { message.text(1, input) }
    message.text(2, node.name)
    message.text(4, node.operation)
    for (name, values) in node.integers {
      message.message(5) { attribute in
        attribute.text(1, name)
        for value in values { attribute.integer(name == "group" ? 3 : 8, value) }
      }
    }
    for (name, value) in node.floats {
      message.message(5) { attribute in
        attribute.text(1, name)
        attribute.float(2, value)
      }
    }
    for (name, value) in node.texts {
      message.message(5) { attribute in
        attribute.text(1, name)
        attribute.text(4, value)
      }
    }
  }
}
