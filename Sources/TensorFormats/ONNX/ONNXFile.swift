import FileIO
import Tensors

/// The graph and the constant tensors of an ONNX model.
///
/// The messages and field numbers are those of `onnx.proto`
/// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
package struct ONNXFile: TensorSource {
  /// One operation.
  package struct Node: Sendable {
    package var operation = ""
    package var inputs: [String] = []
    package var outputs: [String] = []
    package var integers: [String: [Int]] = [:]
    package var floats: [String: Float] = [:]
    package var texts: [String: String] = [:]
  }

  /// How many operations or tensors are read at most; a ResNet-152 has some 500 of each.
  package static let countLimit = 20_000
  /// How many inputs, outputs and attributes of one operation are read at most.
  private static let partLimit = 64

  package let path: String
  package private(set) var metadata: [String: String] = [:]
  package private(set) var names: [String] = []
  package private(set) var nodes: [Node] = []
  /// The program that wrote the file.
  package private(set) var producer = ""
  private var tensors: [String: ONNXTensor.Floats] = [:]
  private var integers: [String: [Int]] = [:]
  private let source: ByteSource

  package init(_ source: ByteSource) throws(FileError) {
    path = source.path
    self.source = source
    var reader = ProtobufReader(source, 0..<source.count)
    var graph: Range<Int>?
    while let (field, value) = try reader.next() {
      guard case .range(let range) = value else { continue }
      switch field {
      case 2: producer = try text(range)
      case 7: graph = range
      case 14: try readMetadata(range)
      default: break
      }
    }
    guard let graph else { throw reader.damaged("it has no graph") }
    try readGraph(graph)
    names = sortedByBytes(tensors.keys)
  }

  /// The length of the file in bytes.
  package var size: Int { source.count }

  package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  package func elementType(of name: String) -> ElementType? { tensors[name]?.type }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let tensor = tensors[name] else { throw .missingTensor(name, in: path) }
    let range = tensor.range
    let values = try source.floats(
      of: tensor.type, at: range.lowerBound, count: range.count / tensor.type.size, tensor: name)
    return Tensor(shape: tensor.shape, values: values)
  }

  /// The numbers of a short constant of whole numbers, or nil if there is none of that name.
  package func integers(_ name: String) -> [Int]? { integers[name] }

  private mutating func add(_ tensor: ONNXTensor, as name: String) throws(FileError) {
    tensors[name] = try tensor.checked(path: path, name: name)
    integers[name] = tensor.integers
  }

  private mutating func readGraph(_ graph: Range<Int>) throws(FileError) {
    var reader = ProtobufReader(source, graph)
    while let (field, value) = try reader.next() {
      guard case .range(let range) = value else { continue }
      guard nodes.count < Self.countLimit, tensors.count + integers.count < Self.countLimit else {
        throw FileError(.unsupported, path, "has too many operations for a ResNet")
      }
      switch field {
      case 1: nodes.append(try node(range))
      case 5:
        let tensor = try ONNXTensor(source, range)
        try add(tensor, as: tensor.name)
      default: break
      }
    }
  }

  private mutating func node(_ range: Range<Int>) throws(FileError) -> Node {
    var reader = ProtobufReader(source, range)
    var node = Node()
    while let (field, value) = try reader.next() {
      guard case .range(let range) = value else { continue }
      switch field {
      case 1: node.inputs.append(try text(range))
      case 2: node.outputs.append(try text(range))
      case 4: node.operation = try text(range)
      case 5: try readAttribute(range, &node)
      default: break
      }
      guard node.inputs.count + node.outputs.count + node.integers.count <= Self.partLimit else {
        throw FileError(.unsupported, path, "has an operation with too many parts")
      }
    }
    return node
  }

  private mutating func readAttribute(
    _ range: Range<Int>, _ node: inout Node
  ) throws(FileError) {
    var reader = ProtobufReader(source, range)
    var name = ""
    var integers: [Int] = []
    var float: Float?
    var letters: String?
    var tensor: ONNXTensor?
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .range(let range)): name = try text(range)
      case (2, .number(let bits)): float = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      case (3, .number(let number)), (8, .number(let number)):
        integers.append(Int(truncatingIfNeeded: number))
      case (4, .range(let range)): letters = try text(range)
      case (5, .range(let range)): tensor = try ONNXTensor(source, range)
      case (8, .range(let range)) where range.count <= 1024:
        var list = ProtobufReader(source, range)
        integers += try list.packed()
      default: break
      }
      guard integers.count <= 64 else { throw reader.damaged("an attribute has too many numbers") }
    }
    node.floats[name] = float
    node.texts[name] = letters
    node.integers[name] = integers
    // A Constant operation holds a tensor just as the list of initialisers does.
    if let tensor, name == "value", let output = node.outputs.first {
      try add(tensor, as: output)
    }
  }

  private mutating func readMetadata(_ range: Range<Int>) throws(FileError) {
    var reader = ProtobufReader(source, range)
    var key = ""
    var text = ""
    while let (field, value) = try reader.next() {
      guard case .range(let range) = value else { continue }
      if field == 1 { key = try self.text(range) }
      if field == 2 { text = try self.text(range) }
    }
    guard metadata.count < 1000 else { throw reader.damaged("it has too much metadata") }
    metadata[key] = text
  }

  private func text(_ range: Range<Int>) throws(FileError) -> String {
    guard range.count <= 1 << 20 else {
      throw FileError(.unsupported, path, "has a text of \(range.count) bytes")
    }
    let bytes = try source.bytes(at: range.lowerBound, count: range.count)
    return String(decoding: bytes, as: UTF8.self)
  }
}
