import CDemoBackbone
import Foundation
import ImageTransforms
import Kernels
import ResNet
import Training
import WeightFiles

/// A backbone that is ready to compute, with what models say about it.
struct LoadedBackbone {
  let backbone: Backbone
  /// The file's name, or `demo` or `random:SEED`.
  let name: String
  /// The absolute path of the file, or the name again.
  let path: String
  /// The SHA-256 of the file.
  let fingerprint: String
  /// How its pixels are to be normalised, where the weights say so.
  let normalisation: Normalisation?

  /// Loads what `--weights` and `--feature-layer` ask for.
  init(_ arguments: Arguments) throws {
    let environment = ProcessInfo.processInfo.environment
    let choice = try BackboneChoice.resolve(
      arguments.string("--weights"), environment: environment)
    try self.init(choice, arguments, featureLayer: try arguments.choice("--feature-layer"))
  }

  /// Loads `choice` up to `featureLayer`, nil for all of it.
  init(_ choice: BackboneChoice, _ arguments: Arguments, featureLayer: FeatureLayer?) throws {
    let source: any TensorSource
    switch choice {
    case .file(let file):
      path = URL(fileURLWithPath: file).standardizedFileURL.path
      name = URL(fileURLWithPath: file).lastPathComponent
      fingerprint = try sha256(fileAt: file)
      source = try SafeTensorsFile(path: file)
    case .demo:
      let bytes = demoBackboneBytes()
      name = "demo"
      path = name
      fingerprint = sha256(bytes)
      source = try SafeTensorsFile(bytes: bytes, path: "the demo backbone")
    case .random(let seed):
      name = "random:\(seed)"
      path = name
      fingerprint = sha256(Array("random weights, version 1, seed \(seed)".utf8))
      source = RandomWeights(seed: seed)
    }
    let facts = try BackboneFacts(metadata: source.metadata, path: source.path)
    normalisation = facts.normalisation
    backbone = try Backbone(
      weights: source, conventions: facts.conventions, featureLayer: featureLayer,
      kernels: KernelPath.selected())
  }

  /// What a model file says about the backbone.
  var record: ModelRecord.Backbone {
    ModelRecord.Backbone(
      name: name, fingerprint: fingerprint, featureLayer: backbone.featureLayer.rawValue,
      featureCount: backbone.featureCount, kernels: backbone.kernels.rawValue)
  }

  /// One line for a person.
  var summary: String {
    let warning = name.hasPrefix("random") ? " (random weights: for benchmarks only)" : ""
    return "\(name), features of \(backbone.featureLayer.rawValue) [\(backbone.featureCount)], "
      + "\(backbone.kernels.rawValue) kernels\(warning)"
  }
}

/// The weight file inside the tool.
private func demoBackboneBytes() -> [UInt8] {
  var size = 0
  let start = avp_demo_backbone(&size)
  return Array(UnsafeBufferPointer(start: start, count: size))
}
