import FileIO
import TensorFormats
import Tensors

/// The weights of a Keras ResNet under torchvision's names.
package struct KerasBackbone {
  package let tensors: MappedTensors
  package let conventions: WeightConventions
  package let conventionsOrigin: FactOrigin
  /// What the layers before the network make of pixels; nil where nothing stands before it.
  package let pixels: Normalisation?
  /// Why that cannot be said, if it cannot.
  package let pixelsAreHidden: FileError?
  /// What the file is, for people.
  package let format: String

  package init(
    _ file: HDF5File, configuration json: [UInt8]?, format prefix: String
  ) throws(FileError) {
    let text = json ?? file.attributes[""]?["model_config"]?.first.map { Array($0.utf8) }
    var configuration: KerasConfiguration?
    if let text { configuration = try KerasConfiguration(text, path: file.path) }
    try Self.refuseGroups(configuration, path: file.path)
    let layers = try KerasLayers(file, configuration: configuration)
    var recipes: [String: TensorRecipe] = [:]
    var families: Set<KerasLayerName.Family> = []
    var dense: [KerasLayers.Layer] = []
    var normalizations: [String: KerasLayers.Layer] = [:]
    let biases = Self.biases(layers.layers)
    for layer in layers.layers {
      if let name = KerasLayerName(layer.name) {
        families.insert(name.family)
        try Self.add(layer, as: name.canonical, biases, to: &recipes, file)
      } else if layer.isDense(in: file) {
        dense.append(layer)
      } else if layer.datasets[.count] != nil, configuration != nil {
        normalizations[layer.name] = layer
      } else {
        throw Self.unexpected(layer, file)
      }
    }
    for (layer, name) in try Self.headNames(dense, file) {
      layer.datasets[.kernel].map { recipes["\(name).weight"] = .transposed($0) }
      layer.datasets[.bias].map { recipes["\(name).bias"] = .same($0) }
    }
    tensors = MappedTensors(file, recipes)
    let preparation = KerasPixels(configuration, normalizations, file)
    (pixels, pixelsAreHidden) = (preparation.pixels, preparation.problem)
    let isOld = families == [.keras2016]
    let usual: WeightConventions = isOld ? .keras2016 : .keras
    let stated = try configuration?.conventions(defaults: usual, path: file.path)
    conventions = stated ?? usual
    conventionsOrigin =
      stated != nil ? .configuration : isOld ? .keras2016Names : .kerasNames
    format = "\(prefix)\(layers.layout), names of \(isOld ? "2016" : "2019 and later")"
  }

  /// The bias of each convolution by the torchvision name of the batch-norm after it.
  private static func biases(_ layers: [KerasLayers.Layer]) -> [String: String] {
    var biases: [String: String] = [:]
    for layer in layers {
      guard let name = KerasLayerName(layer.name)?.canonical, let bias = layer.datasets[.bias]
      else { continue }
      biases[normName(after: name)] = bias
    }
    return biases
  }

  private static func normName(after convolution: String) -> String {
    convolution.hasSuffix("downsample.0")
      ? "\(convolution.dropLast())1" : convolution.replacing("conv", with: "bn")
  }

  private static func add(
    _ layer: KerasLayers.Layer, as name: String, _ biases: [String: String],
    to recipes: inout [String: TensorRecipe], _ file: HDF5File
  ) throws(FileError) {
    func set(_ part: String, _ recipe: TensorRecipe) throws(FileError) {
      guard recipes.updateValue(recipe, forKey: "\(name).\(part)") == nil else {
        throw FileError(
          .damaged, file.path, "the layer \(quoted(layer.name)) is in the file twice")
      }
    }
    let datasets = layer.datasets
    if let kernel = datasets[.kernel] { try set("weight", .convolution(kernel)) }
    if let gamma = datasets[.gamma] { try set("weight", .same(gamma)) }
    if let beta = datasets[.beta] { try set("bias", .same(beta)) }
    if let variance = datasets[.variance] { try set("running_var", .same(variance)) }
    if let mean = datasets[.mean] {
      try set("running_mean", biases[name].map { .difference(mean, $0) } ?? .same(mean))
    }
  }

  /// Names for the dense layers after the backbone: the classes of ImageNet, or a head of two
  /// layers.
  private static func headNames(
    _ layers: [KerasLayers.Layer], _ file: HDF5File
  ) throws(FileError) -> [(KerasLayers.Layer, String)] {
    func shape(_ layer: KerasLayers.Layer) -> [Int] {
      layer.datasets[.kernel].flatMap { file.shape(of: $0) } ?? []
    }
    switch layers.count {
    case 0: return []
    case 1: return [(layers[0], "fc")]
    case 2:
      let (first, second) = (shape(layers[0]), shape(layers[1]))
      if first.last == second.first { return [(layers[0], "fc.0"), (layers[1], "fc.2")] }
      if second.last == first.first { return [(layers[1], "fc.0"), (layers[0], "fc.2")] }
      throw unexpected(layers[1], file)
    default: throw unexpected(layers[2], file)
    }
  }

  private static func unexpected(_ layer: KerasLayers.Layer, _ file: HDF5File) -> FileError {
    let isPreactivated = layer.name == "post_bn" || layer.name.hasSuffix("_preact_bn")
    if layer.datasets[.count] != nil {
      return FileError(
        .unsupported, file.path,
        "holds the layer \(quoted(layer.name)), which prepares pixels, and does not say where it "
          + "stands; save the whole model with model.save(\"model.keras\")", entry: layer.name)
    }
    return FileError(
      isPreactivated ? .unsupported : .entryUnexpected, file.path,
      isPreactivated
        ? "is a ResNetV2 (pre-activation), which is not supported; use ResNet50, 101 or 152"
        : "the layer \(quoted(layer.name)) does not belong to a ResNet", entry: layer.name)
  }

  private static func refuseGroups(
    _ configuration: KerasConfiguration?, path: String
  ) throws(FileError) {
    if let layer = configuration?.layers.first(where: { $0.groups > 1 }) {
      throw FileError(
        .unsupported, path,
        "is a ResNeXt (the layer \(quoted(layer.name)) has \(layer.groups) groups), which is not "
          + "supported", entry: layer.name)
    }
  }
}

extension KerasLayers.Layer {
  /// Whether this is a dense layer: a kernel of two dimensions.
  package func isDense(in file: HDF5File) -> Bool {
    datasets[.kernel].flatMap { file.shape(of: $0) }?.count == 2
  }
}
