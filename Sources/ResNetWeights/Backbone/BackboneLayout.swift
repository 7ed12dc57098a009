import FileIO
import Tensors

/// The shape of a bottleneck ResNet: how many blocks and channels, found from the tensors of a
/// file.
package struct BackboneLayout: Hashable, Encodable, Sendable {
  /// Channels of the first convolution, 64 in a usual ResNet.
  package let stemWidth: Int
  /// Blocks of each stage in the file, 3, 4, 6 and 3 in a whole ResNet-50.
  package let blocks: [Int]
  /// Channels inside the blocks of each stage.
  package let widths: [Int]
  /// Channels that leave each stage.
  package let outputs: [Int]

  /// Channels that leave the last stage: the length of a feature vector.
  package var featureCount: Int { outputs[outputs.count - 1] }

  /// "layer1", "layer2", ...: the names of the stages in the file.
  package var stageNames: [String] { blocks.indices.map { "layer\($0 + 1)" } }

  /// The usual name of the network, for example "resnet50" or "wide_resnet50_2".
  package var architecture: String {
    let depth = Self.depth(of: blocks).map(String.init) ?? ""
    let isWide = widths.first.map { $0 == 2 * stemWidth } ?? false
    let name = isWide ? "wide_resnet\(depth)_2" : "resnet\(depth)"
    return stemWidth == 64 ? name : "\(name)_base\(stemWidth)"
  }

  /// The network without the stages behind its first `count` ones.
  package func first(stages count: Int) -> BackboneLayout {
    BackboneLayout(
      stemWidth: stemWidth, blocks: Array(blocks[..<count]), widths: Array(widths[..<count]),
      outputs: Array(outputs[..<count]))
  }

  /// The networks that are known: layers that they are named after, and blocks of each stage.
  package static let known: [(depth: Int, blocks: [Int])] = [
    (50, [3, 4, 6, 3]), (101, [3, 4, 23, 3]), (152, [3, 8, 36, 3]), (26, [2, 2, 2, 2]),
    (14, [1, 1, 1, 1]),
  ]

  /// The number of layers that a network is named after, if its first stages have these blocks.
  package static func depth(of blocks: [Int]) -> Int? {
    known.first { $0.blocks.starts(with: blocks) }?.depth
  }

  /// The shapes of all tensors of the network, by their torchvision names.
  package var expectedShapes: [String: [Int]] {
    Dictionary(
      uniqueKeysWithValues: BackboneNetwork(self).convolutions.flatMap(\.tensors)
        .map { ($0.name, $0.shape) })
  }
}

extension BackboneLayout {
  /// Finds the layout of the tensors in `source`, whose names are torchvision's, from the shapes of
  /// the convolutions.
  ///
  /// - Throws: a ``FileError`` if they are no bottleneck ResNet; it says what they are
  ///   instead, where that is known.
  package init(of source: some TensorSource) throws(FileError) {
    try Self.refuseRelatives(source)
    try Self.refuseSeveral(source)
    guard source.shape(of: "conv1.weight") != nil else {
      let some = source.names.prefix(3).map(quoted).joined(separator: ", ")
      throw FileError(
        .entryMissing, source.path,
        "the tensor \"conv1.weight\" is missing: this is no ResNet with torchvision's names; the file "
          + (some.isEmpty ? "holds no tensors" : "begins with \(some)"), entry: "conv1.weight")
    }
    let stem = try Self.channels("conv1.weight", source)
    guard stem[1...] == [3, 7, 7] else {
      throw FileError(
        .entryMismatch, source.path,
        "the tensor \"conv1.weight\" has shape \(stem), but a ResNet begins with [channels, 3, 7, 7]",
        entry: "conv1.weight")
    }
    let counts = try Self.blockCounts(source)
    var widths: [Int] = []
    var outputs: [Int] = []
    for stage in 1...counts.count {
      outputs.append(try Self.channels("layer\(stage).0.conv3.weight", source)[0])
      widths.append(try Self.channels("layer\(stage).0.conv2.weight", source)[0])
    }
    self.init(stemWidth: stem[0], blocks: counts, widths: widths, outputs: outputs)
  }

  /// Output and input channels of a convolution.
  private static func channels(
    _ name: String, _ source: some TensorSource
  ) throws(FileError) -> [Int] {
    guard let shape = source.shape(of: name) else { throw .missingTensor(name, in: source.path) }
    guard shape.count == 4, shape.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw FileError(
        .entryMismatch, source.path,
        "the tensor \(quoted(name)) has shape \(shape), which no convolution here has", entry: name
      )
    }
    return shape
  }

  /// The most blocks of a stage; ResNet-152 has 36 in its third one.
  private static let blockLimit = 100

  /// Blocks of each stage: one more than the largest number in a name.
  private static func blockCounts(
    _ source: some TensorSource
  ) throws(FileError) -> [Int] {
    var counts = [0, 0, 0, 0]
    for name in source.names {
      let parts = name.split(separator: ".", maxSplits: 2)
      guard parts.count == 3, let stage = (1...4).first(where: { parts[0] == "layer\($0)" }),
        let block = Int(parts[1]), (0..<blockLimit).contains(block)
      else { continue }
      counts[stage - 1] = max(counts[stage - 1], block + 1)
    }
    let stages = (counts.lastIndex { $0 > 0 } ?? -1) + 1
    let present = Array(counts[..<stages])
    if present.isEmpty { throw .missingTensor("layer1.0.conv1.weight", in: source.path) }
    if let gap = present.firstIndex(of: 0) {
      throw .missingTensor("layer\(gap + 1).0.conv1.weight", in: source.path)
    }
    let declared = source.metadata["blocks"]
    let isDeclared = declared == present.map(String.init).joined(separator: ",")
    guard declared == nil ? depth(of: present) != nil : isDeclared else {
      throw FileError(
        .entryMissing, source.path,
        "has \(present.map(String.init).joined(separator: ", ")) blocks in its stages, but "
          + (declared.map { "its metadata says \(quoted($0))" }
            ?? "ResNet-50 has 3, 4, 6, 3, ResNet-101 3, 4, 23, 3 and ResNet-152 3, 8, 36, 3")
          + ": blocks are missing")
    }
    return present
  }

  /// Names the networks in a file that holds several.
  private static func refuseSeveral(_ source: some TensorSource) throws(FileError) {
    let prefixes = backbonePrefixes(source)
    guard prefixes.count > 1, source.shape(of: "conv1.weight") == nil else { return }
    let last = prefixes[0].split(separator: ".").last ?? ""
    throw FileError(
      .unsupported, source.path,
      "holds \(prefixes.count) networks, under \(prefixes.map(quoted).joined(separator: " and ")); "
        + "save one of them alone: {name.split(\(quoted("\(last).")))[1]: tensor for name, tensor in "
        + "state_dict.items() if \(quoted("\(last).")) in name}")
  }

  /// Names relatives of the network that would otherwise be refused for a reason that is hard to
  /// understand.
  private static func refuseRelatives(_ source: some TensorSource) throws(FileError) {
    func refuse(_ what: String, _ tensor: String) throws(FileError) {
      throw FileError(
        .unsupported, source.path,
        "is \(what), which is not supported; use a ResNet-50, 101 or 152 or a wide ResNet",
        entry: tensor)
    }
    if let shape = source.shape(of: "layer1.0.conv2.weight"), shape.count == 4,
      shape[1] < shape[0], shape[2...] == [3, 3],
      source.shape(of: "layer1.0.conv3.weight") != nil
    {
      try refuse("a ResNeXt (grouped 3x3 convolutions)", "layer1.0.conv2.weight")
    }
    if let shape = source.shape(of: "layer1.0.conv1.weight"), shape.count == 4,
      shape[2...] == [3, 3], source.shape(of: "layer1.0.conv3.weight") == nil
    {
      try refuse("a ResNet-18 or ResNet-34 (blocks of two convolutions)", "layer1.0.conv1.weight")
    }
    if source.shape(of: "conv1.0.weight") != nil {
      try refuse("a ResNet-D or -C (three convolutions at the start)", "conv1.0.weight")
    }
    if let name = source.names.first(where: { $0.hasPrefix("layer1.0.se.") }) {
      try refuse("an SE-ResNet (squeeze and excitation)", name)
    }
  }
}
