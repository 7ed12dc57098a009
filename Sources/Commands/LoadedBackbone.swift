import CDemoBackbone
import FileIO
import Foundation
import ImageTransforms
import Kernels
import MPICollectives
import Reports
import ResNet
import ResNetWeights
import Settings
import Tensors
import Training

/// The weights that `--weights` names.
struct LoadedWeights {
  let weights: BackboneWeights
  /// The file's name, or `demo` or `random:SEED`.
  let name: String
  /// The absolute path of the file, or the name again.
  let path: String
  /// The fingerprint of the weights, the same for the same weights in another format.
  let fingerprint: String
  /// How its pixels are to be normalised: a matter of the weights, whatever the preset.
  var normalisation: Normalisation { weights.pixels }

  init(_ choice: BackboneChoice) throws {
    switch choice {
    case .file(let file):
      path = absolutePath(file)
      name = URL(fileURLWithPath: file).lastPathComponent
      weights = try BackboneChoice.reading(file, loadBackboneWeights)
    case .demo:
      name = "demo"
      path = name
      weights = try loadBackboneWeights(bytes: demoBackboneBytes(), path: "the demo backbone")
    case .random(let seed):
      name = "random:\(seed)"
      path = name
      weights = try loadBackboneWeights(tensors: RandomWeights(seed: seed))
    }
    fingerprint = weights.fingerprint
  }
}

/// A backbone that is ready to compute, with what models say about it.
struct LoadedBackbone {
  let backbone: any Backbone
  /// The weights it was made from.
  let loaded: LoadedWeights
  /// The scales of int8; nil for floats.
  let calibration: Calibration?

  var name: String { loaded.name }
  var path: String { loaded.path }
  var fingerprint: String { loaded.fingerprint }
  var normalisation: Normalisation { loaded.normalisation }

  /// Loads what `--weights` and `--feature-layer` ask for.
  ///
  /// - Parameters:
  ///   - inputSize: height and width of the images.
  ///   - calibration: gives the scales of int8 for the weights, nil for floats.
  init(
    _ settings: BackboneSettings, inputSize: Int, style: ProgressStyle = .auto,
    calibration: (LoadedWeights) throws -> Calibration?
  ) throws {
    let choice = try BackboneChoice.resolve(
      settings.weights, environment: ProcessInfo.processInfo.environment)
    try self.init(
      choice, settings.machine, featureLayer: settings.featureLayer, inputSize: inputSize,
      style: style, calibration: calibration)
  }

  /// Loads `choice` up to `featureLayer`, nil for all of it.
  init(
    _ choice: BackboneChoice, _ machine: MachineSettings, featureLayer: FeatureLayer?,
    inputSize: Int, style: ProgressStyle = .auto,
    calibration: (LoadedWeights) throws -> Calibration?
  ) throws {
    let loaded = try LoadedWeights(choice)
    let folder = machine.cache
    if folder == nil {
      printWarning(
        "neither XDG_CACHE_HOME nor HOME names a folder, so nothing is cached between runs and every "
          + "rank has its own copy of the weights in memory; --cache-dir DIR names one")
    }
    let cache = folder.map {
      PackedCache(folder: $0 + "/packed", fingerprint: loaded.fingerprint)
    }
    let calibration = try calibration(loaded)
    let weights = loaded.weights
    backbone = try Screen.phase("preparing weights", style: style) { _ -> any Backbone in
      guard let calibration else {
        return try FloatBackbone(
          weights: weights, packedCache: cache, conventions: weights.conventions,
          featureLayer: featureLayer, kernels: KernelPath.selected(), inputSize: inputSize)
      }
      return try IntegerBackbone(
        weights: weights, packedCache: cache, conventions: weights.conventions,
        normalisation: weights.pixels, calibration: calibration, featureLayer: featureLayer,
        path: IntegerPath.selected(), inputSize: inputSize)
    }
    self.loaded = loaded
    self.calibration = calibration
    if let warning = backbone.cacheWarning { printWarning(warning) }
  }

  /// What a model file says about the backbone.
  var record: ModelRecord.Backbone {
    ModelRecord.Backbone(
      name: name, fingerprint: fingerprint, featureLayer: backbone.featureLayer.rawValue,
      featureCount: backbone.featureCount,
      // Of int8 the kernels do not matter, so a model does not depend on the host that wrote it.
      kernels: calibration == nil ? backbone.kernels : Precision.int8.rawValue,
      calibration: calibration)
  }

  /// What it computes with.
  var precision: Precision { backbone.precision }

  /// The kernels, for a person.
  var kernels: String {
    calibration == nil ? backbone.kernels : "\(Precision.int8.rawValue) \(backbone.kernels)"
  }

  /// One line for a person.
  var summary: String {
    let warning = name.hasPrefix("random:") ? " (random weights: for benchmarks only)" : ""
    return "\(name), features of \(backbone.featureLayer.rawValue) [\(backbone.featureCount)], "
      + "\(kernels) kernels\(warning)"
  }
}

/// Prints a warning about this host, once for all its ranks.
func printWarning(_ text: String) {
  let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
  if launcher.localRank ?? 0 == 0 { printError("warning: \(text)") }
}

/// The weight file inside the tool.
private func demoBackboneBytes() -> [UInt8] {
  var size = 0
  let start = avp_demo_backbone(&size)
  return Array(UnsafeBufferPointer(start: start, count: size))
}
