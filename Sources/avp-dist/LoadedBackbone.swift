import CDemoBackbone
import Foundation
import ImageTransforms
import Kernels
import ResNet
import Tensors
import Training
import WeightFiles

/// A backbone that is ready to compute, with what models say about it.
struct LoadedBackbone {
  let backbone: Backbone
  /// The file's name, or `demo` or `random:SEED`.
  let name: String
  /// The path as it was given or found, for `config.json`.
  let path: String
  let fingerprint: String
  /// How its pixels are to be normalised, where the weights say so.
  let normalisation: Normalisation?
  let kernels: KernelPath

  /// What a model file says about the backbone.
  var record: ModelRecord.Backbone {
    ModelRecord.Backbone(
      name: name, fingerprint: fingerprint, featureLayer: backbone.featureLayer.rawValue,
      featureCount: backbone.featureCount, kernels: kernels.rawValue)
  }
}
