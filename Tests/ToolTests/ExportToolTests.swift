import FileIO
import Foundation
import TensorFormats
import Tensors
import Testing

extension ToolTests {
  /// `export`, and exported models in the place of a run's model.
  @Suite struct ExportToolTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private static let endings = [
      "safetensors": "safetensors", "torch": "pth", "keras": "h5", "onnx": "onnx",
    ]

    private func model() throws -> String { try Workshop.whole.get() + "/model.safetensors" }

    private func tool(_ words: [String], ranks: Int? = nil) throws -> Outcome {
      try run(onRanks(ranks, [Program.tool] + words), in: scratch.path)
    }

    private func expect(
      _ status: Int32, _ parts: [String], _ words: [String],
      location: SourceLocation = #_sourceLocation
    ) throws {
      let outcome = try tool(words)
      #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
      for part in parts {
        #expect(outcome.errors.contains(part), "\(outcome.errors)", sourceLocation: location)
      }
      #expect(!outcome.errors.contains("Fatal error"), sourceLocation: location)
    }

    /// Exports `model` and gives the file's path.
    private func exported(
      _ format: String, of model: String, as name: String = "exported", _ more: [String] = []
    ) throws -> String {
      let path = "\(scratch.path)/\(name).\(Self.endings[format] ?? "")"
      let outcome = try tool(
        ["export", "--checkpoint", model, "--format", format, "--output", path] + more)
      try #require(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.lines.first?.hasPrefix("\(path): ") == true)
      return path
    }

    private func predictions(_ model: String) throws -> [String] {
      let folder = try Workshop.data.get() + "/validation"
      let outcome = try tool(["predict", "--checkpoint", model, "--json", folder])
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.lines
    }

    // MARK: Exported models are models

    @Test(arguments: endings.keys.sorted()) func everyFormatPredictsAndEvaluates(
      format: String
    ) throws {
      let path = try exported(format, of: model())
      #expect(try predictions(path) == predictions(model()))
      let words = ["--data", try Workshop.data.get(), "--json"]
      let here = try tool(["evaluate", "--checkpoint", path] + words, ranks: 2)
      let there = try tool(["evaluate", "--checkpoint", try model()] + words)
      #expect(here.status == 0, "\(here.errors)")
      #expect(here.output == there.output)
    }

    /// Resizing and feature layer differ from what is usual, and come back from every format.
    @Test func presetAndFeatureLayerComeBack() throws {
      let folder = scratch.path + "/run"
      let outcome = try run(
        Workshop.train(folder, epochs: 1, ["--preset", "keras", "--feature-layer", "layer3"]))
      try #require(outcome.status == 0, "\(outcome.errors)")
      let expected = try predictions(folder + "/model.safetensors")
      for format in Self.endings.keys.sorted() {
        let path = try exported(format, of: folder + "/best.safetensors", as: format)
        #expect(try predictions(path) == expected, "\(format)")
      }
    }

    @Test func graphsWithPreprocessingPredict() throws {
      let path = try exported("onnx", of: model(), ["--with-preprocessing"])
      #expect(try predictions(path) == predictions(model()))
    }

    @Test func anExportIsExportedAgain() throws {
      let direct = try exported("safetensors", of: model(), as: "direct")
      let graph = try exported("onnx", of: model())
      let detour = try exported("safetensors", of: graph, as: "detour")
      #expect(try sha256(fileAt: detour) == sha256(fileAt: direct))
    }

    @Test func whatWasWrittenIsPrinted() throws {
      let outcome = try tool([
        "export", "--checkpoint", try model(), "--format", "keras", "--output", "model.h5",
      ])
      #expect(
        outcome.lines == [
          "model.h5: the whole model (resnet50_base8 and head) as keras, 2 classes",
          "model.json: the architecture for Keras",
          "Input: 224 x 224 pixels, RGB channel order, (pixel values 0-255 - (123.675, 116.28, "
            + "103.53)) / (58.395, 57.12, 57.375).",
        ])
      let head = try tool([
        "export", "--checkpoint", try model(), "--format", "onnx", "--head-only", "--output",
        "head.onnx",
      ])
      #expect(
        head.lines == ["head.onnx: the head as onnx, 2 classes", "Input: 256 features."])
    }

    // MARK: Bad input

    @Test func aHeadAloneIsNoModel() throws {
      for format in Self.endings.keys.sorted() {
        let path = try exported(format, of: model(), as: format, ["--head-only"])
        try expect(
          65, [path, "holds the head alone", "model.safetensors"],
          ["predict", "--checkpoint", path, try Workshop.data.get()])
      }
    }

    @Test func aBackboneIsNoModel() throws {
      let backbone = Workshop.demoBackbone()
      try expect(
        65,
        [backbone, "no checkpoint", "Nor is it a whole model of `avp-dist export`", "fc.0.weight"],
        ["predict", "--checkpoint", backbone, try Workshop.data.get()])
    }

    @Test func anExportThatIsCutOff() throws {
      for format in Self.endings.keys.sorted() {
        let path = try exported(format, of: model(), as: format)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
        try expect(
          65, [path], ["predict", "--checkpoint", path, try Workshop.data.get()])
      }
    }

    @Test(
      arguments: [
        ("classes", "[\"alien\"]", "1"), ("classes", "alien", "`classes` is not a list of names"),
        ("resize", "bicubic", "`resize` does not say"), ("resize", nil, "`resize` does not say"),
      ] as [(String, String?, String)])
    func anExportWithOtherMetadata(key: String, value: String?, message: String) throws {
      let source = try SafeTensorsFile(path: exported("safetensors", of: model()))
      var writer = SafeTensorsWriter(metadata: source.metadata)
      writer.metadata[key] = value
      for name in source.names where source.elementType(of: name) == .float32 {
        writer.add(name, try source.floats(name))
      }
      let path = scratch.path + "/changed.safetensors"
      try writer.write(to: path)
      try expect(
        65, [path, "cannot be used as a model", message],
        ["predict", "--checkpoint", path, try Workshop.data.get()])
    }

    @Test func weightsBesideAnExport() throws {
      let path = try exported("torch", of: model())
      try expect(
        64, ["--weights has no effect", path],
        ["predict", "--checkpoint", path, "--weights", "demo", try Workshop.data.get()])
    }

    @Test(arguments: [
      ([], "--output is needed"), (["--output", "m"], "--format is needed"),
      (["--output", "m", "--format", "caffe"], "--format takes one of safetensors, torch"),
      (["--output", "m", "--format", "torch", "--with-preprocessing"], "--format onnx"),
      (
        ["--output", "m", "--format", "onnx", "--with-preprocessing", "--head-only"],
        "the whole model"
      ),
      (["--output", "m.json", "--format", "keras"], "end in .h5 or .hdf5"),
      (["--output", "m", "--format", "keras"], "such as model.h5"),
      (["--output", "m.weights.h5", "--format", "keras"], "such as model.h5"),
    ])
    func aWrongCommandLine(words: [String], message: String) throws {
      try expect(64, [message], ["export", "--checkpoint", try model()] + words)
      #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test func anOutputThatIsTheInput() throws {
      let model = scratch.path + "/model.safetensors"
      let weights = scratch.path + "/weights.safetensors"
      try FileManager.default.copyItem(atPath: self.model(), toPath: model)
      try FileManager.default.copyItem(atPath: Workshop.demoBackbone(), toPath: weights)
      try FileManager.default.createSymbolicLink(
        atPath: scratch.path + "/link", withDestinationPath: "model.safetensors")
      let before = try [model, weights].map { try sha256(fileAt: $0) }
      for (output, option) in [
        ("./model.safetensors", "--checkpoint"), ("link", "--checkpoint"),
        ("weights.safetensors", "--weights"),
      ] {
        try expect(
          64, ["\(output) would overwrite", option],
          [
            "export", "--checkpoint", model, "--weights", weights, "--format", "safetensors",
            "--output", output,
          ])
      }
      #expect(try [model, weights].map { try sha256(fileAt: $0) } == before)
    }

    @Test func anOutputThatCannotBeMade() throws {
      for format in Self.endings.keys.sorted() {
        let path = "/nowhere/model.\(Self.endings[format] ?? "")"
        try expect(
          73, [path],
          ["export", "--checkpoint", try model(), "--format", format, "--output", path])
      }
    }
  }
}
