import FileIO
import TensorFormats

/// The weights of a ResNet in an ONNX graph under torchvision's names.
///
/// Exporters rename and fold tensors, so names mean nothing: the graph itself is followed. Every
/// residual block is an addition whose two sides lead back to the end of the block before, one
/// through three convolutions, the other through one or none. Every operation on the way, every
/// stride and every padding must be that of a ResNet, and no convolution may be left over: the
/// graph is what these weights are for.
package struct ONNXBackbone {
  package let tensors: MappedTensors
  package let conventions: WeightConventions
  /// An operation before the first convolution that changes the image's values; nil for none.
  package let preparation: String?

  package init(_ file: ONNXFile) throws(FileError) {
    try Self.refuseQuantised(file)
    var walk = ONNXWalk(ONNXGraph(file))
    // A head that was exported alone has no convolutions.
    if file.nodes.contains(where: { $0.operation == "Conv" }) {
      try walk.refuseGroups()
      try walk.blocks(from: try walk.stem())
      try walk.refuseOtherConvolutions()
    }
    try walk.head()
    conventions = try walk.conventions()
    preparation = walk.preparation
    tensors = MappedTensors(file, walk.recipes(conventions))
  }

  /// Names of operations by which whole numbers replace the weights.
  private static let quantising: Set<String> = [
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger",
  ]

  private static func refuseQuantised(_ file: ONNXFile) throws(FileError) {
    let node = file.nodes.first {
      quantising.contains($0.operation) || $0.operation.hasPrefix("QLinear")
    }
    guard let node else { return }
    throw FileError(
      .unsupported, file.path,
      "is quantised: its weights are rounded to whole numbers (the operation "
        + "\(quoted(node.operation))); use the model from before it was quantised")
  }
}

/// Follows the graph from the image to the classes.
private struct ONNXWalk {
  private let graph: ONNXGraph
  private var recipes: [String: TensorRecipe] = [:]
  /// The batch-norms that exporting folded into their convolutions.
  private var folded: [(norm: String, channels: Int, bias: String?)] = []
  private var convolutions: Set<String> = []
  /// Numbers in the kernels of all convolutions.
  private var weightSize = 0
  private var epsilons: Set<Float> = []
  private var pool: WeightConventions.MaxPool = .padded
  private var stride: WeightConventions.StridePosition?
  private(set) var preparation: String?

  init(_ graph: ONNXGraph) { self.graph = graph }

  func conventions() throws(FileError) -> WeightConventions {
    guard epsilons.count <= 1 else { throw graph.unknown("its batch-norms differ in epsilon") }
    // A float's nearest short decimal is what the exporter was given.
    let epsilon = epsilons.first.flatMap { Double("\($0)") } ?? 1e-5
    guard epsilon > 0, epsilon < 1 else {
      throw graph.unknown("its batch-norms have the epsilon \(epsilon)")
    }
    return WeightConventions(
      stridePosition: stride ?? .secondConvolution, batchNormEpsilon: epsilon, maxPool: pool)
  }

  /// The tensors under torchvision's names.
  ///
  /// Instead of a batch-norm that was folded stands one that multiplies by one: with the variance
  /// 1 - epsilon.
  func recipes(_ conventions: WeightConventions) -> [String: TensorRecipe] {
    var recipes = recipes
    for (norm, channels, bias) in folded {
      let shape = [channels]
      let variance = Float(1 - conventions.batchNormEpsilon)
      recipes["\(norm).weight"] = .constant(1, shape: shape)
      recipes["\(norm).bias"] = bias.map { .same($0) } ?? .constant(0, shape: shape)
      recipes["\(norm).running_mean"] = .constant(0, shape: shape)
      recipes["\(norm).running_var"] = .constant(variance, shape: shape)
    }
    return recipes
  }

  // MARK: What a ResNet has nowhere

  func refuseGroups() throws(FileError) {
    let isGrouped = graph.file.nodes.contains {
      $0.operation == "Conv" && $0.integers["group"] ?? [1] != [1]
    }
    if isGrouped { throw graph.relative("a ResNeXt (grouped convolutions)") }
  }

  func refuseOtherConvolutions() throws(FileError) {
    let all = graph.file.nodes.filter { $0.operation == "Conv" }
    let other = all.first { !convolutions.contains($0.outputs.first ?? "") }
    guard other == nil, all.count == convolutions.count else {
      throw graph.unknown(
        "the convolution \(quoted(other?.outputs.first ?? "")) stands outside of the residual blocks"
      )
    }
  }

  // MARK: The start

  /// Names the first convolution and gives the value after the pooling.
  mutating func stem() throws(FileError) -> String {
    guard let pooling = graph.file.nodes.first(where: { $0.operation == "MaxPool" }),
      let output = pooling.outputs.first, let input = pooling.inputs.first
    else { throw graph.unknown("it has no maximum pooling") }
    let window = try ONNXWindow(pooling, kernel: [3, 3], in: graph)
    // Padding with zeros and with nothing are the same here, behind a ReLU.
    let (padding, value) = try graph.paddingBefore(graph.origin(input))
    let ceiling = pooling.integers["ceil_mode"]?.first == 1
    switch (window.pads.map { $0 + padding }, ceiling) {
    case ([1, 1, 1, 1], false): pool = .padded
    case ([0, 0, 1, 1], false), ([0, 0, 0, 0], true): pool = .ceiling
    case ([0, 0, 0, 0], false): pool = .unpadded
    default: throw graph.unknown("its maximum pooling has paddings that are unexpected")
    }
    guard let inner = graph.input(of: "Relu", making: value) else {
      // Such networks have their first ReLU behind the pooling.
      if (try? graph.unit(making: value)) != nil { throw graph.preactivated }
      throw graph.unknown("no ReLU stands before its maximum pooling")
    }
    let (unit, image) = try graph.unit(making: inner)
    preparation = graph.preparation(of: image)
    guard window.stride == 2, unit.stride == 2 else {
      throw graph.unknown("it does not begin with two steps of stride 2")
    }
    try add(unit, "conv1", "bn1")
    return output
  }

  // MARK: Blocks

  mutating func blocks(from start: String) throws(FileError) {
    var boundary = start
    var (stage, block) = (0, 0)
    for node in graph.file.nodes where isResidual(node) {
      let first = try branch(making: node.inputs[0], from: boundary)
      let second = try branch(making: node.inputs[1], from: boundary)
      let (main, shortcut) = first.count >= second.count ? (first, second) : (second, first)
      if main.count == 2 {
        throw graph.relative("a ResNet-18 or ResNet-34 (blocks of two convolutions)")
      }
      guard main.count == 3, shortcut.count <= 1, stage > 0 || !shortcut.isEmpty else {
        throw graph.unknown("a block has \(main.count) and \(shortcut.count) convolutions")
      }
      (stage, block) = shortcut.isEmpty ? (stage, block + 1) : (stage + 1, 0)
      let name = "layer\(stage).\(block)"
      try checkStrides(main, shortcut, halves: block == 0 && stage > 1, name)
      for (index, unit) in main.enumerated() {
        try add(unit, "\(name).conv\(index + 1)", "\(name).bn\(index + 1)")
      }
      if let unit = shortcut.first {
        try add(unit, "\(name).downsample.0", "\(name).downsample.1")
      }
      guard let output = node.outputs.first, let next = graph.relu(of: output) else {
        throw graph.preactivated
      }
      boundary = next
    }
    if stage == 0 { throw graph.unknown("it has no residual blocks") }
  }

  /// Whether a convolution (with a batch-norm or not) leads into this addition. Others are biases
  /// and what prepares the image.
  private func isResidual(_ node: ONNXFile.Node) -> Bool {
    guard node.operation == "Add", node.inputs.count == 2 else { return false }
    return node.inputs.contains { input in
      let value = graph.input(of: "BatchNormalization", making: input) ?? input
      return graph.producer(of: value)?.node.operation == "Conv"
    }
  }

  /// The convolutions between `boundary` and `value` in their order, with a ReLU between each two.
  private func branch(
    making value: String, from boundary: String
  ) throws(FileError) -> [ONNXUnit] {
    var units: [ONNXUnit] = []
    var current = graph.origin(value)
    while current != boundary {
      guard units.count < 4 else { throw graph.unknown("a block has too many convolutions") }
      if !units.isEmpty {
        guard let input = graph.input(of: "Relu", making: current) else {
          let operation = graph.producer(of: current)?.node.operation ?? ""
          throw graph.unknown("the operation \(quoted(operation)) stands where a ReLU should")
        }
        current = input
      }
      let (unit, input) = try graph.unit(making: current)
      units.insert(unit, at: 0)
      current = input
    }
    return units
  }

  /// Checks that the first block of each stage but the first one halves the image, once,
  /// and no other.
  private mutating func checkStrides(
    _ main: [ONNXUnit], _ shortcut: [ONNXUnit], halves: Bool, _ name: String
  ) throws(FileError) {
    let needed = halves ? 2 : 1
    guard main[0].stride * main[1].stride == needed, main[2].stride == 1,
      shortcut.allSatisfy({ $0.stride == needed })
    else { throw graph.unknown("the strides of \(name) are not those of a ResNet") }
    guard halves else { return }
    let position: WeightConventions.StridePosition =
      main[0].stride == 2 ? .firstConvolution : .secondConvolution
    guard stride ?? position == position else {
      throw graph.unknown("its stages differ in the position of their stride")
    }
    stride = position
  }

  // MARK: Tensors

  private mutating func add(
    _ unit: ONNXUnit, _ convolution: String, _ norm: String
  ) throws(FileError) {
    convolutions.insert(unit.output)
    // Exporters join equal tensors, but only small ones are ever equal.
    weightSize += unit.weightSize
    guard weightSize <= max(1 << 24, graph.file.size) else {
      throw graph.unknown("its convolutions share their weights")
    }
    recipes["\(convolution).weight"] = .same(unit.weight)
    guard let node = unit.norm else {
      folded.append((norm, unit.channels, unit.bias))
      return
    }
    guard node.inputs.count >= 5 else { throw graph.unknown("a batch-norm has too few inputs") }
    epsilons.insert(node.floats["epsilon"] ?? 1e-5)
    let parts = node.inputs.map { graph.origin($0) }
    recipes["\(norm).weight"] = .same(parts[1])
    recipes["\(norm).bias"] = .same(parts[2])
    recipes["\(norm).running_mean"] = unit.bias.map { .difference(parts[3], $0) } ?? .same(parts[3])
    recipes["\(norm).running_var"] = .same(parts[4])
  }

  /// Names the dense layers after the backbone.
  mutating func head() throws(FileError) {
    var layers: [(weight: TensorRecipe, bias: String?)] = []
    for node in graph.file.nodes {
      guard node.operation == "Gemm" || node.operation == "MatMul", node.inputs.count >= 2 else {
        continue
      }
      let weight = graph.origin(node.inputs[1])
      guard graph.file.shape(of: weight)?.count == 2 else { continue }
      guard node.floats["alpha"] ?? 1 == 1, node.floats["beta"] ?? 1 == 1,
        node.integers["transA"]?.first ?? 0 == 0
      else { throw graph.unknown("a dense layer does more than one") }
      let isTransposed = node.integers["transB"]?.first == 1
      let bias = node.inputs.count > 2 ? graph.origin(node.inputs[2]) : addedBias(node)
      layers.append((isTransposed ? .same(weight) : .transposed(weight), bias))
      if layers.count > 2 { throw graph.unknown("it has more than two dense layers") }
    }
    let names = layers.count == 1 ? ["fc"] : ["fc.0", "fc.2"]
    for (name, layer) in zip(names, layers) {
      recipes["\(name).weight"] = layer.weight
      layer.bias.map { recipes["\(name).bias"] = .same($0) }
    }
  }

  private func addedBias(_ node: ONNXFile.Node) -> String? {
    guard let output = node.outputs.first else { return nil }
    let next = graph.file.nodes.first {
      $0.operation == "Add" && $0.inputs.count == 2 && $0.inputs.contains(output)
    }
    return next?.inputs.first { $0 != output }.map(graph.origin)
  }
}
