import FileIO
import ResNetWeights
import Tensors

/// Formats that a trained model is written in.
package enum ExportFormat: String, CaseIterable, Sendable {
  /// A state_dict with torchvision's names, which `safetensors` loads.
  case safetensors
  /// The same as a `.pth` file, which `torch.load(weights_only=True)` loads.
  case torch
  /// A model in HDF5 and its architecture as JSON, which Keras loads.
  case keras
  /// A graph for onnxruntime, also in the browser.
  case onnx

  /// Why the format's own tools would not load a file of that name, and what to do; nil where they
  /// do.
  package func objection(to path: String) -> String? {
    guard self == .keras else { return nil }
    let name = lastComponent(path)
    if name.hasSuffix(".weights.h5") {
      return "Keras takes names that end in .weights.h5 for another kind of file. "
        + "Choose one such as model.h5."
    }
    guard [".h5", ".hdf5"].contains(where: { name.hasSuffix($0) && name.count > $0.count }) else {
      return "Keras loads such files only by names that end in .h5 or .hdf5. "
        + "Choose one such as model.h5."
    }
    return nil
  }

  /// The files that ``ModelExport/write(_:_:preprocessing:to:)`` makes.
  package func files(at path: String) -> [String] {
    self == .keras ? [path, ModelExport.architecturePath(for: path)] : [path]
  }
}

/// A trained model: backbone and head, ready to be written for other tools.
///
/// Every format can hold the whole model or the head alone. ``loadBackboneWeights(_:)`` reads whole
/// models of all four back, with the head in ``BackboneWeights/head``; ``loadHead(_:)`` reads
/// heads.
package struct ModelExport: Sendable {
  /// Rows and columns of the images that the model expects.
  package let imageSize: Int

  /// How much is written.
  package enum Scope: Sendable {
    /// Backbone and head: images to probabilities.
    case wholeModel
    /// The head alone: features to probabilities.
    case head
  }

  /// The backbone.
  package let backbone: BackboneWeights
  /// Its extents up to the feature layer.
  package let layout: BackboneLayout
  /// `fc.0.weight` [hidden, features], `fc.0.bias`, `fc.2.weight` [classes, hidden], `fc.2.bias`; or
  /// `fc.weight` [classes, features] and `fc.bias`.
  package let head: TensorTable
  /// The class names, by class index.
  package let classes: [String]
  /// What pixels must be.
  package let pixels: Normalisation
  /// What the files say about the model.
  package let metadata: [String: String]

  /// Joins a backbone and a head.
  ///
  /// - Parameters:
  ///   - backbone: The weights that the head was trained on.
  ///   - featureLayer: The stage whose channel means are the features, "layer1" to "layer4"; nil
  ///     for the last.
  ///   - head: The tensors of ``head``.
  ///   - classes: The class names, by class index.
  ///   - pixels: How images were normalised in training; nil for what the backbone says.
  ///   - imageSize: Rows and columns of the images.
  ///   - metadata: Further facts for the file's metadata, for example the resizing filter.
  /// - Throws: a ``FileError`` if the head does not fit the backbone or the classes.
  package init(
    backbone: BackboneWeights, featureLayer: String? = nil, head: some TensorSource,
    classes: [String], pixels: Normalisation? = nil, imageSize: Int = 224,
    metadata: [String: String] = [:]
  ) throws(FileError) {
    self.backbone = backbone
    self.classes = classes
    self.imageSize = imageSize
    self.pixels = pixels ?? backbone.pixels
    layout = try Self.layout(backbone, upTo: featureLayer)
    self.head = try Self.checked(head, features: layout.featureCount, classes: classes.count)
    let known = BackboneMetadata.text(
      layout: layout, conventions: backbone.conventions, pixels: self.pixels)
    self.metadata =
      metadata
      .merging(known) { _, known in known }
      .merging(["classes": JSONText.array(classes.map { .string($0) }).text]) { _, new in new }
  }

  /// Writes the model.
  ///
  /// - Parameters:
  ///   - preprocessing: For ONNX whole models: the graph takes RGB bytes, [n, N, N, 3], and
  ///     normalises them itself.
  ///   - path: The file to write; Keras' architecture goes beside it, with the extension `json`.
  ///     See ``ExportFormat/objection(to:)`` for names that should not be used.
  /// - Returns: what was written and what to know before loading it, line by line.
  /// - Throws: a ``FileError`` if the file cannot be written.
  @discardableResult
  package func write(
    _ format: ExportFormat, _ scope: Scope = .wholeModel, preprocessing: Bool = false,
    to path: String
  ) throws(FileError) -> [String] {
    switch format {
    case .safetensors: try writeSafeTensors(scope, to: path)
    case .torch: try writeTorch(scope, to: path)
    case .keras: try writeKeras(scope, to: path)
    case .onnx: try writeONNX(scope, preprocessing: preprocessing, to: path)
    }
    return notes(format, scope, preprocessing: preprocessing, path: path)
  }

  /// The network up to the feature layer.
  package var network: BackboneNetwork { BackboneNetwork(layout, backbone.conventions) }

  /// The names of the tensors of the scope: the backbone's, sorted by bytes, then the head's.
  package func tensorNames(_ scope: Scope) -> [String] {
    let wanted = layout.expectedShapes
    let trunk = backbone.names.filter { wanted[$0] != nil }
    return (scope == .wholeModel ? trunk : []) + head.names
  }

  /// A tensor of backbone or head.
  package func tensor(_ name: String) throws(FileError) -> Tensor<Float> {
    name.hasPrefix("fc.") ? try head.floats(name) : try backbone.floats(name)
  }

  /// The shape of a tensor of backbone or head.
  ///
  /// - Precondition: there is such a tensor.
  package func shape(of name: String) -> [Int] {
    guard let shape = head.shape(of: name) ?? backbone.shape(of: name) else {
      preconditionFailure("\(name) is no tensor of this model")
    }
    return shape
  }

  private static func layout(
    _ backbone: BackboneWeights, upTo featureLayer: String?
  ) throws(FileError) -> BackboneLayout {
    let all = backbone.layout
    guard let featureLayer else { return all }
    guard let last = all.stageNames.firstIndex(of: featureLayer) else {
      throw FileError(
        .entryMissing, backbone.path, "has no stage \(quoted(featureLayer))", entry: featureLayer)
    }
    return all.first(stages: last + 1)
  }

  /// The dense layers of the head, by name.
  var headLayers: [String] { Self.headLayers(head) }

  static func headLayers(_ head: some TensorSource) -> [String] {
    let isLinear = head.shape(of: "fc.0.weight") == nil && head.shape(of: "fc.weight") != nil
    return isLinear ? ["fc"] : ["fc.0", "fc.2"]
  }

  /// The tensors of the head, whose shapes must fit.
  private static func checked(
    _ head: some TensorSource, features: Int, classes: Int
  ) throws(FileError) -> TensorTable {
    let layers = headLayers(head)
    let hidden = try head.floats(layers[0] + ".weight").shape.first ?? 0
    var needed: [(String, [Int])] = []
    var inputs = features
    for layer in layers {
      let outputs = layer == layers.last ? classes : hidden
      needed += [(layer + ".weight", [outputs, inputs]), (layer + ".bias", [outputs])]
      inputs = outputs
    }
    var tensors: [String: Tensor<Float>] = [:]
    for (name, shape) in needed {
      let tensor = try head.floats(name)
      guard tensor.shape == shape else {
        throw FileError(
          .entryMismatch, head.path,
          "the tensor \(quoted(name)) has shape \(tensor.shape), but the backbone and its "
            + "\(classes) classes need \(shape)", entry: name)
      }
      try requireFinite(tensor, name, path: head.path)
      tensors[name] = tensor
    }
    return TensorTable(tensors, path: head.path)
  }
}

/// Reads the head of a trained model: from a head-only export or whole model of any format, or from
/// a checkpoint.
///
/// - Returns: the tensors of ``ModelExport/head``, and the file's metadata, in which only an export has
///   `classes`.
/// - Throws: a ``FileError`` if the file cannot be read or holds no such head.
package func loadHead(_ path: String) throws(FileError) -> TensorTable {
  let opened = try OpenedWeights(path: path)
  var tensors: [String: Tensor<Float>] = [:]
  for name in ModelExport.headLayers(opened.tensors).flatMap({ [$0 + ".weight", $0 + ".bias"] }) {
    let tensor = try opened.tensors.floats(name)
    try requireFinite(tensor, name, path: path)
    tensors[name] = tensor
  }
  return TensorTable(tensors, metadata: opened.tensors.metadata, path: path)
}
