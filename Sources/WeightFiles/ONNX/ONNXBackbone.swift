/// The weights of a ResNet in an ONNX graph under torchvision's names.
///
/// Exporters rename and fold tensors, so names mean nothing: the graph itself is followed. Every residual block is
/// an addition whose two sides lead back to the end of the block before, one through three
/// convolutions, the other through one or none.
struct ONNXBackbone {
  let tensors: MappedTensors
  let conventions: WeightConventions

  init(_ file: ONNXFile) throws(WeightFileError) {
    var walk = ONNXWalk(file)
    // A head that was exported alone has no convolutions.
    if file.nodes.contains(where: { $0.operation == "Conv" }) {
      try walk.blocks(from: try walk.stem())
    }
    try walk.head()
    tensors = MappedTensors(file, walk.recipes)
    conventions = try walk.conventions()
  }
}

/// A convolution and the batch-norm after it, if exporting left one.
private struct ONNXUnit {
  let convolution: ONNXFile.Node
  let norm: ONNXFile.Node?
}

/// Follows the graph from the picture to the classes.
private struct ONNXWalk {
  private(set) var recipes: [String: TensorRecipe] = [:]
  private let file: ONNXFile
  /// The operation that makes each value.
  private let producers: [String: ONNXFile.Node]
  private var epsilons: Set<Float> = []
  private var pool: WeightConventions.MaxPool = .padded
  private var stride: WeightConventions.StridePlace?

  /// What stands for a batch-norm that was folded into the convolution: with the variance 1 - epsilon it
  /// multiplies by one.
  private static let foldedEpsilon = 1e-5

  init(_ file: ONNXFile) {
    self.file = file
    var producers: [String: ONNXFile.Node] = [:]
    for node in file.nodes {
      for output in node.outputs { producers[output] = node }
    }
    self.producers = producers
  }

  func conventions() throws(WeightFileError) -> WeightConventions {
    guard epsilons.count <= 1 else { throw unknown("its batch-norms differ in epsilon") }
    // A float's nearest short decimal is what the exporter was given.
    let epsilon = epsilons.first.flatMap { Double("\($0)") } ?? Self.foldedEpsilon
    return WeightConventions(
      stridePlace: stride ?? .secondConvolution, batchNormEpsilon: epsilon, maxPool: pool)
  }

  // MARK: The start

  /// Names the first convolution and gives the value after the pooling.
  mutating func stem() throws(WeightFileError) -> String {
    guard let pooling = file.nodes.first(where: { $0.operation == "MaxPool" }),
      let output = pooling.outputs.first, let input = pooling.inputs.first
    else { throw unknown("it has no maximum pooling") }
    var value = input
    var isPadded = false
    if let before = producers[value], before.operation == "Pad" {
      isPadded = true
      value = before.inputs.first ?? value
    }
    let pads = pooling.integers["pads"] ?? [0, 0, 0, 0]
    let ceiling = pooling.integers["ceil_mode"]?.first == 1
    switch (pads, ceiling, isPadded) {
    case ([1, 1, 1, 1], false, false), ([0, 0, 0, 0], false, true): pool = .padded
    case ([0, 0, 1, 1], false, false), ([0, 0, 0, 0], true, false): pool = .ceiling
    case ([0, 0, 0, 0], false, false): pool = .unpadded
    default: throw unknown("its maximum pooling has pads \(pads)")
    }
    let units = try trace(value, to: nil)
    guard units.count == 1 else { throw unknown("it begins with \(units.count) convolutions") }
    try add(units[0], "conv1", "bn1")
    return output
  }

  // MARK: Blocks

  mutating func blocks(from start: String) throws(WeightFileError) {
    var boundary = start
    var stage = 0
    var block = 0
    for node in file.nodes where node.operation == "Add" && node.inputs.count == 2 {
      guard let (main, shortcut) = try sides(of: node, from: boundary),
        let output = node.outputs.first
      else { continue }
      guard main.count == 3, shortcut.count <= 1 else {
        throw unknown("a block has \(main.count) and \(shortcut.count) convolutions")
      }
      if shortcut.isEmpty { block += 1 } else { (stage, block) = (stage + 1, 0) }
      let name = "layer\(stage).\(block)"
      for (index, unit) in main.enumerated() {
        try add(unit, "\(name).conv\(index + 1)", "\(name).bn\(index + 1)")
      }
      if let unit = shortcut.first {
        try add(unit, "\(name).downsample.0", "\(name).downsample.1")
        try noteStride(main)
      }
      let next = file.nodes.first { $0.operation == "Relu" && $0.inputs.first == output }
      boundary = next?.outputs.first ?? output
    }
    if stage == 0 { throw unknown("it has no residual blocks") }
  }

  private mutating func noteStride(_ main: [ONNXUnit]) throws(WeightFileError) {
    let places = main.prefix(2).map { $0.convolution.integers["strides"] == [2, 2] }
    if places == [true, false] { stride = .firstConvolution }
    if places == [false, true] { stride = .secondConvolution }
    if places == [true, true] { throw unknown("a block has two strides") }
  }

  /// The convolutions on the two sides of an addition, the longer one first, if both sides begin at `boundary`.
  private func sides(
    of node: ONNXFile.Node, from boundary: String
  ) throws(WeightFileError) -> (main: [ONNXUnit], shortcut: [ONNXUnit])? {
    guard let first = try? trace(node.inputs[0], to: boundary),
      let second = try? trace(node.inputs[1], to: boundary)
    else { return nil }
    return first.count >= second.count ? (first, second) : (second, first)
  }

  /// The convolutions between `boundary` (or the picture) and `value`, in their order.
  private func trace(
    _ value: String, to boundary: String?
  ) throws(WeightFileError) -> [ONNXUnit] {
    var units: [ONNXUnit] = []
    var norm: ONNXFile.Node?
    var place = value
    for _ in 0..<64 {
      if place == boundary { return units.reversed() }
      guard let node = producers[place], let input = node.inputs.first else { break }
      switch node.operation {
      case "Conv":
        units.append(ONNXUnit(convolution: node, norm: norm))
        norm = nil
        // The first convolution sees the picture; what prepares it does not matter.
        if boundary == nil { return units }
      case "BatchNormalization": norm = node
      case "Relu", "Identity", "Pad": break
      default: throw unknown("the operation \(quoted(node.operation)) is unexpected")
      }
      place = input
    }
    throw unknown("a branch leads nowhere")
  }

  // MARK: Tensors

  private mutating func add(
    _ unit: ONNXUnit, _ convolution: String, _ norm: String
  ) throws(WeightFileError) {
    guard unit.convolution.inputs.count >= 2, case let weight = tensor(unit.convolution.inputs[1]),
      let channels = file.shape(of: weight)?.first
    else { throw unknown("the weights of \(convolution) are no constants") }
    guard (unit.convolution.integers["group"] ?? [1]).first ?? 1 == 1 else {
      throw WeightFileError(
        .unsupported, file.path, "is a ResNeXt (grouped convolutions), which is not supported")
    }
    let bias = unit.convolution.inputs.count > 2 ? tensor(unit.convolution.inputs[2]) : nil
    recipes["\(convolution).weight"] = .same(weight)
    if let node = unit.norm {
      guard node.inputs.count >= 5 else { throw unknown("a batch-norm has too few inputs") }
      epsilons.insert(node.floats["epsilon"] ?? 1e-5)
      let mean = tensor(node.inputs[3])
      recipes["\(norm).weight"] = .same(tensor(node.inputs[1]))
      recipes["\(norm).bias"] = .same(tensor(node.inputs[2]))
      recipes["\(norm).running_mean"] = bias.map { .difference(mean, $0) } ?? .same(mean)
      recipes["\(norm).running_var"] = .same(tensor(node.inputs[4]))
    } else {
      let shape = [channels]
      recipes["\(norm).weight"] = .constant(1, shape: shape)
      recipes["\(norm).bias"] = bias.map { .same($0) } ?? .constant(0, shape: shape)
      recipes["\(norm).running_mean"] = .constant(0, shape: shape)
      recipes["\(norm).running_var"] = .constant(Float(1 - Self.foldedEpsilon), shape: shape)
    }
  }

  /// The constant behind a name: exporters put Identity operations before tensors that several use.
  private func tensor(_ name: String) -> String {
    var name = name
    for _ in 0..<8 {
      guard let node = producers[name], node.operation == "Identity",
        let input = node.inputs.first
      else { return name }
      name = input
    }
    return name
  }

  /// Names the dense layers after the backbone.
  mutating func head() throws(WeightFileError) {
    var layers: [(weight: TensorRecipe, bias: String?)] = []
    for node in file.nodes {
      guard node.operation == "Gemm" || node.operation == "MatMul", node.inputs.count >= 2 else {
        continue
      }
      let weight = tensor(node.inputs[1])
      guard file.shape(of: weight)?.count == 2 else { continue }
      let isTransposed = node.integers["transB"]?.first == 1
      let bias = node.inputs.count > 2 ? tensor(node.inputs[2]) : addedBias(node)
      layers.append((isTransposed ? .same(weight) : .transposed(weight), bias))
    }
    guard layers.count <= 2 else { throw unknown("it has \(layers.count) dense layers") }
    let names = layers.count == 1 ? ["fc"] : ["fc.0", "fc.2"]
    for (name, layer) in zip(names, layers) {
      recipes["\(name).weight"] = layer.weight
      layer.bias.map { recipes["\(name).bias"] = .same($0) }
    }
  }

  private func addedBias(_ node: ONNXFile.Node) -> String? {
    let next = file.nodes.first { $0.operation == "Add" && $0.inputs.first == node.outputs.first }
    return next.flatMap { $0.inputs.count == 2 ? tensor($0.inputs[1]) : nil }
  }

  private func unknown(_ reason: String) -> WeightFileError {
    WeightFileError(
      .unsupported, file.path, "is an ONNX model, but not a ResNet that is understood: \(reason)")
  }
}
