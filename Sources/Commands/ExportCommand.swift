import FileIO
import Foundation
import Head
import ImageCodecs
import ImageTransforms
import ModelExport
import ResNetWeights
import Settings
import Tensors
import Training

extension ExportFormat: SettingChoice {}

/// `export`: the whole model, or its head, for other tools.
struct ExportCommand: Command {
  static let name = "export"
  static let summary = "write the whole model, or its head, for PyTorch, Keras, onnxruntime"
  static let discussion = """
    Joins the trained head with its backbone and writes a file that other tools load: safetensors \
    and torch for PyTorch's `load_state_dict`, keras for Keras, onnx for onnxruntime.
    """
  static let example = "avp-dist export --checkpoint runs/001 --format onnx --output model.onnx"
  static let settings: [Setting<Self>] =
    part(\.model) + [
      Setting("format", \.format, "what to write", group: "Output"),
      Setting(
        "output", \.output, "FILE", "the file to write", group: "Output", completion: .files),
      Setting(
        "head-only", \.headOnly, "write the head alone, which makes probabilities from features",
        group: "Output"),
      Setting(
        "with-preprocessing", \.preprocessing,
        "write a model that takes RGB bytes [n, N, N, 3] and normalises them itself",
        group: "Output",
        needs: .with("format", ["onnx"])),
    ]

  var model = ModelSettings()
  var format: ExportFormat?
  var output = ""
  var headOnly = false
  var preprocessing = false

  func run() throws {
    let output = try required(output, "output")
    guard let format else {
      throw UsageError("--format is needed: safetensors, torch, keras or onnx.")
    }
    guard !preprocessing || !headOnly else {
      throw UsageError("--with-preprocessing goes with the whole model, not with --head-only.")
    }
    if let objection = format.objection(to: output) {
      throw UsageError("--output \(output): \(objection)")
    }
    let trained = try TrainedModel(model)
    try Self.refuseOverwriting(
      ["--checkpoint": trained.path, "--weights": trained.backbone.path],
      format.files(at: output))
    if trained.backbone.precision == .int8, !headOnly {
      printWarning(
        "the head was trained on features of int8; the exported model computes in floats, whose "
          + "features are slightly different")
    }
    let lines = try trained.export.write(
      format, headOnly ? .head : .wholeModel, preprocessing: preprocessing, to: output)
    for line in lines { printLine(line) }
    if trained.geometry != Geometry() {
      printLine("Resizing: \(trained.transform.resizingSentence).")
    }
  }

  /// Refuses to write over what is being exported.
  private static func refuseOverwriting(_ inputs: [String: String], _ outputs: [String]) throws {
    func real(_ path: String) -> String {
      URL(fileURLWithPath: absolutePath(path)).resolvingSymlinksInPath().path
    }
    for output in outputs {
      for (option, input) in inputs.sorted(by: { $0.key < $1.key })
      where real(input) == real(output) {
        throw UsageError(
          "\(output) would overwrite the file of \(option); choose another --output.")
      }
    }
  }
}

extension TrainedModel {
  /// Backbone and head as exporters take them.
  var export: ModelExport {
    get throws {
      let tensors = head.shape.tensors.map { ($0.rawValue, head.tensor($0)) }
      return try ModelExport(
        backbone: backbone.loaded.weights, featureLayer: backbone.backbone.featureLayer.rawValue,
        head: TensorTable(Dictionary(uniqueKeysWithValues: tensors), path: "the trained head"),
        classes: classes, pixels: normalisation,
        imageSize: geometry.size,
        metadata: ["resize": preset.resizing].merging(
          orientation == .apply ? [OrientationPolicy.fact: orientation.rawValue] : [:]
        ) { first, _ in first }.merging(geometry.facts) { $1 })
    }
  }
}
