import Tensors

/// The graph and the constant tensors of an ONNX model.
///
/// The messages and field numbers are those of `onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
struct ONNXFile: TensorSource {
  /// One operation.
  struct Node: Sendable {
    var operation = ""
    var inputs: [String] = []
    var outputs: [String] = []
    var integers: [String: [Int]] = [:]
    var floats: [String: Float] = [:]
  }

  /// How many operations or tensors are read at most; a ResNet-152 has some 500 of each.
  static let countLimit = 20_000

  let path: String
  private(set) var metadata: [String: String] = [:]
  private(set) var names: [String] = []
  private(set) var nodes: [Node] = []
  /// The program that wrote the file.
  private(set) var producer = ""
  private var tensors: [String: ONNXTensor] = [:]
  private let source: ByteSource

  init(_ source: ByteSource) throws(WeightFileError) {
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

  func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  func elementType(of name: String) -> ElementType? { tensors[name]?.type }

  func floats(_ name: String) throws(WeightFileError) -> Tensor<Float> {
    guard let tensor = tensors[name] else { throw .missing(name, in: path) }
    guard let type = tensor.type, let range = tensor.range,
      let count = elementCount(tensor.shape), range.count / type.size == count
    else {
      throw WeightFileError(
        .unsupported, path,
        "the tensor \(quoted(name)) is stored in another file or in a way that is not read",
        tensor: name)
    }
    let values = try source.floats(of: type, at: range.lowerBound, count: count, tensor: name)
    return Tensor(shape: tensor.shape, values: values)
  }

  private mutating func readGraph(_ graph: Range<Int>) throws(WeightFileError) {
    var reader = ProtobufReader(source, graph)
    while let (field, value) = try reader.next() {
      guard case .range(let range) = value else { continue }
      guard nodes.count < Self.countLimit, tensors.count < Self.countLimit else {
        throw WeightFileError(.unsupported, path, "has too many operations for a ResNet")
      }
      switch field {
      case 1: nodes.append(try node(range))
      case 5:
        let tensor = try ONNXTensor(source, range)
        tensors[tensor.name] = tensor
      default: break
      }
    }
  }

  private mutating func node(_ range: Range<Int>) throws(WeightFileError) -> Node {
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
    }
    return node
  }

  private mutating func readAttribute(
    _ range: Range<Int>, _ node: inout Node
  ) throws(WeightFileError) {
    var reader = ProtobufReader(source, range)
    var name = ""
    var integers: [Int] = []
    var float: Float?
    var tensor: ONNXTensor?
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .range(let range)): name = try text(range)
      case (2, .number(let bits)): float = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      case (3, .number(let number)), (8, .number(let number)):
        integers.append(Int(truncatingIfNeeded: number))
      case (5, .range(let range)): tensor = try ONNXTensor(source, range)
      case (8, .range(let range)) where range.count <= 1024:
        var list = ProtobufReader(source, range)
        integers += try list.packed()
      default: break
      }
    }
    guard integers.count <= 64 else { throw reader.damaged("an attribute has too many numbers") }
    node.floats[name] = float
    node.integers[name] = integers
    // A Constant operation holds a tensor just as the list of initialisers does.
    if let tensor, name == "value", let output = node.outputs.first { tensors[output] = tensor }
  }

  private mutating func readMetadata(_ range: Range<Int>) throws(WeightFileError) {
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

  private func text(_ range: Range<Int>) throws(WeightFileError) -> String {
    guard range.count <= 1 << 20 else {
      throw WeightFileError(.unsupported, path, "has a text of \(range.count) bytes")
    }
    let bytes = try source.bytes(at: range.lowerBound, count: range.count)
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A constant tensor: its shape and where its numbers lie.
struct ONNXTensor: Sendable {
  private(set) var name = ""
  private(set) var shape: [Int] = []
  /// The type of the elements, or nil for one that is not read.
  private(set) var type: ElementType?
  /// The numbers in the file, or nil if they are elsewhere.
  private(set) var range: Range<Int>?

  private static let types: [UInt64: ElementType] = [
    1: .float32, 2: .uint8, 3: .int8, 4: .uint16, 5: .int16, 6: .int32, 7: .int64, 9: .bool,
    10: .float16, 11: .float64, 12: .uint32, 13: .uint64, 16: .bfloat16,
  ]

  init(_ source: ByteSource, _ message: Range<Int>) throws(WeightFileError) {
    var reader = ProtobufReader(source, message)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .number(let extent)): shape.append(Int(truncatingIfNeeded: extent))
      case (1, .range(let range)) where range.count <= 256:
        var list = ProtobufReader(source, range)
        shape += try list.packed()
      case (2, .number(let number)): type = Self.types[number]
      // Floats and doubles can stand packed in fields of their own, which looks the same as raw data.
      case (4, .range(let range)) where type == .float32 || type == nil: self.range = range
      case (10, .range(let range)): self.range = range
      case (9, .range(let range)): self.range = range
      case (8, .range(let range)) where range.count <= 1 << 16:
        let bytes = try source.bytes(at: range.lowerBound, count: range.count)
        name = String(decoding: bytes, as: UTF8.self)
      default: break
      }
    }
    guard shape.count <= 16 else { throw reader.damaged("a tensor has too many dimensions") }
  }
}
