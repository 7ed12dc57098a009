import FileIO
import TensorFormats
import Tensors

/// A convolution of a ResNet and the batch-norm after it, if exporting left one.
package struct ONNXUnit {
  /// The name of the value that the convolution makes.
  package let output: String
  /// The names of the convolution's kernel and bias.
  package let weight: String
  package let bias: String?
  package let norm: ONNXFile.Node?
  package let channels: Int
  /// Numbers in the kernel.
  package let weightSize: Int
  /// By what it divides rows and columns.
  package let stride: Int
}

/// The operations of a graph by the values that they make and take.
package struct ONNXGraph {
  package let file: ONNXFile
  private let producers: [String: ONNXFile.Node]
  private let relus: [String: String]

  package init(_ file: ONNXFile) {
    self.file = file
    var producers: [String: ONNXFile.Node] = [:]
    var relus: [String: String] = [:]
    for node in file.nodes {
      for output in node.outputs { producers[output] = node }
      if node.operation == "Relu", let input = node.inputs.first {
        relus[input] = node.outputs.first
      }
    }
    self.producers = producers
    self.relus = relus
  }

  /// The name behind `name`: exporters put Identity operations before tensors that several use.
  package func origin(_ name: String) -> String {
    var name = name
    for _ in 0..<8 {
      guard let node = producers[name], node.operation == "Identity",
        let input = node.inputs.first
      else { return name }
      name = input
    }
    return name
  }

  /// The operation that makes `value`, and its first input.
  package func producer(of value: String) -> (node: ONNXFile.Node, input: String)? {
    guard let node = producers[origin(value)], let input = node.inputs.first else { return nil }
    return (node, origin(input))
  }

  /// The input of the operation that makes `value`, if it is a `kind`.
  package func input(of kind: String, making value: String) -> String? {
    producer(of: value).flatMap { $0.node.operation == kind ? $0.input : nil }
  }

  /// The value that ReLU makes of `value`, if the graph has that.
  package func relu(of value: String) -> String? { relus[value] }

  /// The operation nearest to `image` on the way from the graph's input that changes values, and
  /// not just their order or type; nil where there is none.
  package func preparation(of image: String) -> String? {
    var current = image
    for _ in 0..<8 {
      guard let (node, input) = producer(of: current) else { return nil }
      guard ["Cast", "Transpose"].contains(node.operation) else { return node.operation }
      current = input
    }
    return "Transpose"
  }

  /// An error that says why the graph is not understood.
  package func unknown(_ reason: String) -> FileError {
    FileError(
      .unsupported, file.path, "is an ONNX model, but not a ResNet that is understood: \(reason)")
  }

  /// An error that says which relative of the network the graph is.
  package func relative(_ what: String) -> FileError {
    FileError(
      .unsupported, file.path,
      "is \(what), which is not supported; use a ResNet-50, 101 or 152 or a wide ResNet")
  }

  /// What a network with its batch-norms before its convolutions is.
  package var preactivated: FileError { relative("a ResNetV2 (pre-activation)") }

  // MARK: Units

  /// The convolution, and the batch-norm if there is one, that make `value`; and what they make it
  /// from.
  package func unit(making value: String) throws(FileError) -> (unit: ONNXUnit, input: String) {
    let norm = producer(of: value).flatMap { $0.node.operation == "BatchNormalization" ? $0 : nil }
    guard let (node, input) = producer(of: norm?.input ?? value) else {
      throw unknown("the value \(quoted(norm?.input ?? value)) comes from nowhere")
    }
    guard node.operation == "Conv", node.inputs.count >= 2, let output = node.outputs.first else {
      if norm != nil { throw preactivated }
      throw unknown("the operation \(quoted(node.operation)) is unexpected")
    }
    let weight = origin(node.inputs[1])
    // Extents of at least one, so there are not more channels than numbers in the file.
    guard let shape = file.shape(of: weight), shape.count == 4, shape.allSatisfy({ $0 > 0 }) else {
      throw unknown("the weights of the convolution \(quoted(output)) are no constants")
    }
    let (padding, inside) = try paddingBefore(input)
    let window = try ONNXWindow(node, kernel: Array(shape[2...]), in: self)
    guard window.pads.map({ $0 + padding }) == [Int](repeating: (shape[2] - 1) / 2, count: 4) else {
      throw unknown("the convolution \(quoted(output)) has other paddings than a ResNet's")
    }
    let bias = node.inputs.count > 2 ? origin(node.inputs[2]) : nil
    let unit = ONNXUnit(
      output: output, weight: weight, bias: bias, norm: norm?.node, channels: shape[0],
      weightSize: elementCount(shape) ?? 0, stride: window.stride)
    return (unit, inside)
  }

  /// By how much the four sides of an image are padded in an operation of its own, and the value
  /// before that.
  package func paddingBefore(_ value: String) throws(FileError) -> (size: Int, value: String) {
    guard let (node, input) = producer(of: value), node.operation == "Pad" else {
      return (0, value)
    }
    let pads =
      node.integers["pads"] ?? (node.inputs.count > 1 ? file.integers(origin(node.inputs[1])) : nil)
    let fill = node.inputs.dropFirst(2).first ?? ""
    let isZero =
      try fill.isEmpty
      ? node.floats["value"] ?? 0 == 0 : file.floats(origin(fill)).values == [0]
    guard let pads, pads.count == 8, let size = pads.last, isZero,
      node.texts["mode"] ?? "constant" == "constant",
      pads == [0, 0, size, size, 0, 0, size, size], (0...3).contains(size)
    else { throw unknown("the padding \(quoted(value)) is none of a ResNet") }
    return (size, input)
  }
}

/// How the window of a convolution or of a pooling moves over the image.
package struct ONNXWindow {
  package let stride: Int
  /// Rows and columns of padding: top, left, bottom, right.
  package let pads: [Int]

  package init(
    _ node: ONNXFile.Node, kernel: [Int], in graph: ONNXGraph
  ) throws(FileError) {
    func refused(_ what: String) -> FileError {
      graph.unknown("\(what) of the operation \(quoted(node.outputs.first ?? "")) are unexpected")
    }
    let strides = node.integers["strides"] ?? [1, 1]
    guard strides == [1, 1] || strides == [2, 2] else { throw refused("the strides \(strides)") }
    guard node.integers["dilations"] ?? [1, 1] == [1, 1] else { throw refused("the dilations") }
    guard node.integers["kernel_shape"] ?? kernel == kernel, kernel[0] == kernel[1] else {
      throw refused("the sizes")
    }
    stride = strides[0]
    let written = node.integers["pads"] ?? [0, 0, 0, 0]
    switch node.texts["auto_pad"] ?? "NOTSET" {
    case "NOTSET": pads = written
    case "VALID": pads = [0, 0, 0, 0]
    // An odd window that moves by one pixel is centred; with a stride it depends on the image's
    // size.
    case "SAME_UPPER", "SAME_LOWER":
      guard stride == 1 || kernel == [1, 1], kernel[0] % 2 == 1 else {
        throw refused("the automatic paddings")
      }
      pads = [Int](repeating: kernel[0] / 2, count: 4)
    default: throw refused("the automatic paddings")
    }
    guard pads.count == 4, pads.allSatisfy({ (0...3).contains($0) }) else {
      throw refused("the paddings \(pads)")
    }
  }
}
