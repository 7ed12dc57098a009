import Foundation
import Head
import ImageTransforms
import Training
import WeightFiles

extension Command {
  static let export = Command(
    name: "export",
    summary: "write the whole model, or its head, for PyTorch, Keras, onnxruntime",
    discussion: """
      Joins the trained head with its backbone and writes a file that other tools load: safetensors \
      and torch for PyTorch's `load_state_dict`, keras for Keras, onnx for onnxruntime.
      """,
    options: modelOptions + [
      Option("--format", "safetensors|torch|keras|onnx", "what to write"),
      Option("--output", "FILE", "the file to write"),
      Option("--head-only", nil, "features to probabilities, without the backbone"),
      Option(
        "--with-preprocessing", nil, "onnx: take RGB bytes [n, 224, 224, 3] and normalise them"),
    ],
    run: { arguments in
      let output = try arguments.required("--output")
      guard let format: ExportFormat = try arguments.choice("--format") else {
        throw UsageError("--format is needed: safetensors, torch, keras or onnx.")
      }
      let preprocessing = arguments.has("--with-preprocessing")
      guard !preprocessing || (format == .onnx && !arguments.has("--head-only")) else {
        throw UsageError("--with-preprocessing goes with --format onnx and the whole model.")
      }
      if let objection = format.objection(to: output) {
        throw UsageError("--output \(output): \(objection)")
      }
      let model = try TrainedModel(arguments)
      try refuseOverwriting(
        ["--checkpoint": model.path, "--weights": model.backbone.path],
        format.files(at: output))
      let lines = try model.export.write(
        format, arguments.has("--head-only") ? .head : .wholeModel, preprocessing: preprocessing,
        to: output)
      for line in lines { print(line) }
    })

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
      let tensors = HeadTensor.allCases.map { ($0.rawValue, head.tensor($0)) }
      func numbers(_ vector: SIMD3<Float>) -> [Double] {
        (0..<3).compactMap { Double("\(vector[$0])") }
      }
      return try ModelExport(
        backbone: backbone.weights, featureLayer: backbone.backbone.featureLayer.rawValue,
        head: TensorTable(Dictionary(uniqueKeysWithValues: tensors), path: "the trained head"),
        classes: classes,
        pixels: PixelConvention(
          channelOrder: normalisation.channelOrder == .bgr ? "BGR" : "RGB",
          scale: normalisation.scale, mean: numbers(normalisation.mean),
          deviation: numbers(normalisation.deviation)),
        metadata: ["resize": preset.resizing])
    }
  }
}
