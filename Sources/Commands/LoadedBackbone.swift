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

/// A backbone that is ready to compute, with what models say about it.
struct LoadedBackbone {
  let backbone: Backbone
  /// The weights it was made from.
  let weights: BackboneWeights
  /// The file's name, or `demo` or `random:SEED`.
  let name: String
  /// The absolute path of the file, or the name again.
  let path: String
  /// The fingerprint of the weights, the same for the same weights in another format.
  let fingerprint: String
  /// How its pixels are to be normalised: a matter of the weights, whatever the preset.
  var normalisation: Normalisation { weights.pixels }

  /// Loads what `--weights` and `--feature-layer` ask for.
  init(_ settings: BackboneSettings, style: ProgressStyle = .auto) throws {
    let choice = try BackboneChoice.resolve(
      settings.weights, environment: ProcessInfo.processInfo.environment)
    try self.init(
      choice, settings.machine, featureLayer: settings.featureLayer, style: style)
  }

  /// Loads `choice` up to `featureLayer`, nil for all of it.
  init(
    _ choice: BackboneChoice, _ machine: MachineSettings, featureLayer: FeatureLayer?,
    style: ProgressStyle = .auto
  ) throws {
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
    let folder = machine.cache
    if folder == nil {
      printWarning(
        "neither XDG_CACHE_HOME nor HOME names a folder, so nothing is cached between runs and every "
          + "rank has its own copy of the weights in memory; --cache-dir DIR names one")
    }
    let key = fingerprint
    let weights = weights
    backbone = try Screen.phase("preparing weights", style: style) { _ in
      try Backbone(
        weights: weights,
        packedCache: folder.map { PackedCache(folder: $0 + "/packed", fingerprint: key) },
        conventions: weights.conventions, featureLayer: featureLayer,
        kernels: KernelPath.selected())
    }
    if let warning = backbone.cacheWarning { printWarning(warning) }
  }

  /// What a model file says about the backbone.
  var record: ModelRecord.Backbone {
    ModelRecord.Backbone(
      name: name, fingerprint: fingerprint, featureLayer: backbone.featureLayer.rawValue,
      featureCount: backbone.featureCount, kernels: backbone.kernels.rawValue)
  }

  /// One line for a person.
  var summary: String {
    let warning = name.hasPrefix("random:") ? " (random weights: for benchmarks only)" : ""
    return "\(name), features of \(backbone.featureLayer.rawValue) [\(backbone.featureCount)], "
      + "\(backbone.kernels.rawValue) kernels\(warning)"
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
