import FileIO
import Tensors

/// What the files beside a weight file say about the network, in a folder as the Hugging Face hub
/// has them: `config.json` of transformers or timm, `preprocessor_config.json` of transformers.
///
/// The tensors of several networks are alike in names and shapes: only here is their name.
package struct HubConfiguration {
  /// Where the stride of a stage is; nil where the file does not say.
  package private(set) var stridePosition: WeightConventions.StridePosition?
  /// What pixels must be; nil where the files do not say.
  package private(set) var pixels: Normalisation?

  /// The longest file that is read.
  private static let lengthLimit = 1 << 20

  /// Reads the files in `folder`; nil where there is none of them.
  ///
  /// - Throws: where they name a network that is not read, or cannot be understood.
  package init?(in folder: String) throws(FileError) {
    let path = "\(folder)/config.json"
    let network = try Self.read(path)
    if let name = network?["architecture"]?.string {
      try Self.checkTimm(name, network?["model_args"], path)
      let facts = network?["pretrained_cfg"] ?? network
      pixels = try Self.normalised(facts, "mean", "std", factor: 1 / 255, path)
      return
    }
    if let kind = network?["model_type"]?.string, let network {
      stridePosition = try Self.transformersStride(kind, network, path)
    }
    let preparation = try Self.read("\(folder)/preprocessor_config.json")
    if let preparation {
      pixels = try Self.prepared(preparation, "\(folder)/preprocessor_config.json")
    }
    if stridePosition == nil && pixels == nil { return nil }
  }

  /// The object in the file at `path`; nil where there is none.
  private static func read(_ path: String) throws(FileError) -> JSONValue? {
    let source: ByteSource
    do throws(FileError) {
      source = try ByteSource(path: path)
    } catch {
      if error.kind == .missing { return nil }
      throw error
    }
    guard source.count <= lengthLimit else {
      throw FileError(.unsupported, path, "is too long for a configuration of a model")
    }
    let bytes = try source.bytes(at: 0, count: source.count)
    do throws(JSONReader.Failure) {
      var reader = JSONReader(bytes)
      let value = try reader.value()
      try reader.finish()
      return value
    } catch {
      throw FileError(
        .damaged, path, "is damaged: \(error); it stands beside the weight file and says what it is"
      )
    }
  }

  // MARK: timm

  /// The networks of timm that compute what torchvision's do. Others, such as `resnetaa50` and
  /// `resnetblur50`, have the same tensors.
  private static let plainNetworks: Set<String> = [
    "resnet26", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
    "tv_resnet50", "tv_resnet101", "tv_resnet152", "ssl_resnet50", "swsl_resnet50",
    "gluon_resnet50_v1b", "gluon_resnet101_v1b", "gluon_resnet152_v1b",
  ]
  /// Arguments of timm's models that leave the backbone as it is.
  private static let harmlessArguments: Set<String> = [
    "num_classes", "in_chans", "img_size", "drop_rate", "drop_path_rate", "global_pool",
    "pretrained",
  ]

  private static func checkTimm(
    _ name: String, _ arguments: JSONValue?, _ path: String
  ) throws(FileError) {
    // What follows a point says how it was trained.
    guard plainNetworks.contains(String(name.prefix { $0 != "." })) else {
      throw unsupported(
        path,
        "says that the weights are those of timm's \(quoted(name)), which is not supported; use "
          + "timm's resnet50, resnet101, resnet152 or wide_resnet50_2")
    }
    guard case .object(let entries)? = arguments,
      let other = sortedByBytes(entries.keys).first(where: { !harmlessArguments.contains($0) })
    else { return }
    throw unsupported(
      path, "says that the network was built with \(quoted(other)), which is not supported")
  }

  // MARK: transformers

  private static func transformersStride(
    _ kind: String, _ network: JSONValue, _ path: String
  ) throws(FileError) -> WeightConventions.StridePosition {
    guard kind == "resnet" else {
      throw unsupported(
        path, "says that the weights are those of a model of type \(quoted(kind)), not of a ResNet")
    }
    if network["downsample_in_first_stage"]?.boolean == true {
      throw unsupported(path, "says that the first stage has a stride, which is not supported")
    }
    if let activation = network["hidden_act"]?.string, activation != "relu" {
      throw unsupported(
        path, "says that the activation is \(quoted(activation)); only \"relu\" is supported")
    }
    return network["downsample_in_bottleneck"]?.boolean == true
      ? .firstConvolution : .secondConvolution
  }

  private static func prepared(
    _ facts: JSONValue, _ path: String
  ) throws(FileError) -> Normalisation? {
    if facts["do_flip_channel_order"]?.boolean == true {
      throw unsupported(path, "says that channels are flipped, which is not supported")
    }
    let isScaled = facts["do_rescale"]?.boolean ?? true
    let factor = isScaled ? facts["rescale_factor"]?.number ?? 1 / 255 : 1
    if facts["do_normalize"]?.boolean == false {
      return try convention(factor, mean: [0, 0, 0], std: [1, 1, 1], path)
    }
    return try normalised(facts, "image_mean", "image_std", factor: factor, path)
  }

  // MARK: Pixels

  /// The convention with the means and stds under these keys; nil where they are missing.
  private static func normalised(
    _ facts: JSONValue?, _ mean: String, _ std: String, factor: Double, _ path: String
  ) throws(FileError) -> Normalisation? {
    guard let means = facts?[mean], let stds = facts?[std] else { return nil }
    guard let means = means.numbers.flatMap(SIMD3.init(channels:)),
      let stds = stds.numbers.flatMap(SIMD3.init(channels:))
    else {
      throw unsupported(
        path, "has \(quoted(mean)) and \(quoted(std)) that are not three numbers each")
    }
    return try convention(factor, mean: means, std: stds, path)
  }

  private static func convention(
    _ factor: Double, mean: SIMD3<Double>, std: SIMD3<Double>, _ path: String
  ) throws(FileError) -> Normalisation {
    var steps = PixelSteps()
    steps.multiply(by: SIMD3(repeating: factor))
    steps.add(-mean)
    steps.divide(by: std)
    guard let pixels = steps.convention else {
      throw unsupported(path, "prepares pixels with numbers that cannot be used")
    }
    return pixels
  }

  private static func unsupported(_ path: String, _ reason: String) -> FileError {
    FileError(.unsupported, path, reason)
  }
}
