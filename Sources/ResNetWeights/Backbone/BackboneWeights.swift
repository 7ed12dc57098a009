import FileIO
import Tensors

/// The weights of a ResNet whose every tensor has been checked, and what is known about the
/// network.
///
/// As a ``TensorSource`` it holds the backbone's tensors alone, under torchvision's names:
/// `conv1.weight`, `bn1.running_mean`, `layer1.0.conv1.weight`, `layer1.0.downsample.1.bias`, ...
/// Tensors are read from the file when they are asked for, so an opened file costs little memory.
package struct BackboneWeights: TensorSource {
  package let path: String
  package let names: [String]
  /// What is known, in words and numbers, under the keys that `weights convert` writes; together
  /// with what the file itself said.
  package let metadata: [String: String]
  /// How many blocks and channels there are.
  package let layout: BackboneLayout
  /// Stride, epsilon and pooling of the network.
  package let conventions: WeightConventions
  /// How the conventions are known.
  package let conventionsOrigin: FactOrigin
  /// What pixels must be.
  package let pixels: Normalisation
  /// How ``pixels`` are known.
  package let pixelsOrigin: FactOrigin
  /// The file's format, for people.
  package let format: String
  /// SHA-256 of all tensors as floats and of the conventions: the same for the same weights in
  /// another format.
  package let fingerprint: String
  /// The tensors after the backbone under PyTorch's names: `fc.weight` and `fc.bias` of a
  /// classifier of ImageNet, `fc.0.weight`, `fc.0.bias`, `fc.2.weight`, `fc.2.bias` of a model that
  /// this project exported, or none.
  package let head: TensorTable
  private let source: any TensorSource

  package init(_ opened: OpenedWeights) throws(FileError) {
    let check = try BackboneCheck(opened.tensors)
    if let problem = check.problems.first { throw problem }
    source = opened.tensors
    path = opened.tensors.path
    names = check.names
    layout = check.layout
    conventions = opened.conventions
    conventionsOrigin = opened.conventionsOrigin
    pixels = opened.pixels
    pixelsOrigin = opened.pixelsOrigin
    format = opened.format
    let texts = BackboneMetadata.text(
      layout: check.layout, conventions: opened.conventions, pixels: opened.pixels)
    metadata = opened.tensors.metadata.merging(texts) { _, known in known }
    fingerprint = try check.fingerprint(
      of: opened.tensors,
      conventions: [
        "stride_in_1x1", "bn_eps", "maxpool", "channel_order", "pixel_range", "mean", "std",
      ]
      .map { "\($0)=\(texts[$0] ?? "")" })
    var head: [String: Tensor<Float>] = [:]
    for name in check.headNames {
      let tensor = try opened.tensors.floats(name)
      try requireFinite(tensor, name, path: path)
      head[name] = tensor
    }
    self.head = TensorTable(head, metadata: metadata, path: path)
  }

  package func shape(of name: String) -> [Int]? {
    names.contains(name) ? source.shape(of: name) : nil
  }

  package func elementType(of name: String) -> ElementType? {
    names.contains(name) ? source.elementType(of: name) : nil
  }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard names.contains(name) else { throw .missingTensor(name, in: path) }
    return try source.floats(name)
  }
}

/// Opens a ResNet's weights of any format that is read, recognised by content: safetensors (also
/// several files joined by an index), PyTorch files old and new, Keras `.h5`, `.weights.h5` and
/// `.keras`, ONNX.
///
/// - Throws: a ``FileError`` if the file is missing, damaged or no ResNet, or if a tensor is
///   missing, extra, misshapen or not finite; the error names it.
package func loadBackboneWeights(_ path: String) throws(FileError) -> BackboneWeights {
  try BackboneWeights(OpenedWeights(path: path))
}

/// Reads a ResNet's weights from the bytes of a file; `path` is what messages call them.
///
/// - Throws: as ``loadBackboneWeights(_:)``.
package func loadBackboneWeights(
  bytes: [UInt8], path: String
) throws(FileError) -> BackboneWeights {
  try BackboneWeights(OpenedWeights(ByteSource(bytes, path: path)))
}

/// Checks tensors that are in memory, under torchvision's names, with conventions in their
/// metadata.
///
/// - Throws: as ``loadBackboneWeights(_:)``.
package func loadBackboneWeights(
  tensors: any TensorSource
) throws(FileError) -> BackboneWeights {
  try BackboneWeights(OpenedWeights(tensors: tensors))
}
