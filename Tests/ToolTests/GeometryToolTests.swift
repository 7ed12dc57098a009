import Foundation
import TensorFormats
import Testing

extension ToolTests {
  /// `--resize`, `--image-size` and `--crop-ratio`: a model brings them along.
  @Suite struct GeometryToolTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private static let crop = ["--resize", "crop", "--image-size", "96", "--crop-ratio", "0.75"]

    private static let cropped: Result<String, any Error> = Result {
      let folder = Workshop.root + "/cropped"
      let outcome = try run(Workshop.train(folder, epochs: 1, crop + ["--no-augment"]))
      try #require(outcome.status == 0, "\(outcome.errors)")
      return folder
    }

    private func tool(_ words: [String], status: Int32 = 0) throws -> Outcome {
      let outcome = try run([Program.tool] + words)
      #expect(outcome.status == status, "\(outcome.errors)")
      return outcome
    }

    /// In every format the export is used as the model is, on images that are no squares.
    @Test func everyExportSaysIt() throws {
      let images = try Workshop.data.get() + "/validation"
      let model = try Self.cropped.get()
      let expected = try tool(["predict", "--json", "--checkpoint", model, images]).output
      for (format, file) in [
        ("safetensors", "m.safetensors"), ("torch", "m.pth"), ("keras", "m.h5"), ("onnx", "m.onnx"),
      ] {
        let path = "\(scratch.path)/\(file)"
        let made = try tool(
          ["export", "--checkpoint", model, "--format", format, "--output", path])
        #expect(made.output.contains("Input: 96 x 96 pixels"))
        #expect(
          made.output.contains(
            "Resizing: the shorter side to 128, bilinear, antialiased, then the middle 96 x 96."))
        #expect(
          try tool(["predict", "--json", "--checkpoint", path, images]).output == expected)
      }
      let head = try SafeTensorsFile(path: scratch.path + "/m.safetensors")
      #expect(head.metadata["image_size"] == "96" && head.metadata["resize_mode"] == "crop")
      #expect(head.metadata["crop_ratio"] == "0.75")
      for key in ["image_size", "resize_mode", "crop_ratio"] {
        var writer = SafeTensorsWriter(metadata: head.metadata)
        writer.metadata[key] = "x"
        for name in head.names where head.elementType(of: name) == .float32 {
          writer.add(name, try head.floats(name))
        }
        let changed = scratch.path + "/changed.safetensors"
        try writer.write(to: changed)
        let refused = try tool(["predict", "--checkpoint", changed, images], status: 65)
        #expect(refused.errors.contains("`image_size`, `resize_mode` or `crop_ratio`"))
      }
    }

    /// What the features are of is what `predict` sees, in either precision.
    @Test func commandsFollowIt() throws {
      let data = try Workshop.data.get()
      let model = try Self.cropped.get()
      _ = try tool(["evaluate", "--checkpoint", model, "--data", data])
      _ = try tool(["report", model])
      let scales = scratch.path + "/scales.json"
      _ = try tool(
        ["calibrate", "--data", data, "--weights", "demo", "--layers", "--output", scales]
          + Self.crop)
      _ = try tool(
        [
          "predict", "--checkpoint", model, "--precision", "int8", "--calibration", scales,
          data + "/validation",
        ])
      _ = try tool(["preview", "--data", data, "--output", scratch.path + "/p.html"] + Self.crop)
      let file = scratch.path + "/features.safetensors"
      _ = try tool(
        ["features", "--weights", "demo", "--output", file, data + "/validation"] + Self.crop)
      let features = try SafeTensorsFile(path: file)
      #expect(features.metadata["image_size"] == "96")
      _ = try tool(
        ["bench", "--weights", "demo", "--seconds", "0.1", "--image-size", "96", "--json"])
    }

    /// All operations at once: the same bits on any number of ranks, and after an interruption.
    @Test func augmentationDependsOnNothingElse() throws {
      let words = [
        "--augment", "strong", "--rotation", "10", "--translation", "0.1", "--vflip", "0.5",
        "--color-jitter", "0.4,0.4,0.4,0.1", "--grayscale", "0.2", "--blur", "0.3", "--resize",
        "crop", "--image-size", "96",
      ]
      let (alone, shared) = (scratch.path + "/alone", scratch.path + "/shared")
      _ = try tool(
        Array(
          Workshop.train(alone, ["--checkpoint-every-steps", "1", "--threads", "1"] + words)
            .dropFirst()))
      let ranks = try run(onRanks(2, Workshop.train(shared, words)))
      #expect(ranks.status == 0, "\(ranks.errors)")
      #expect(try Workshop.model(alone) == Workshop.model(shared))
      let other = try tool(
        Array(Workshop.train(alone, ["--resume", "auto"] + words.dropFirst(2)).dropFirst()),
        status: 65)
      #expect(other.errors.contains("--auto-augment: trivial there, none here"))
      let page = scratch.path + "/preview.html"
      _ = try tool(
        ["preview", "--data", try Workshop.data.get(), "--output", page, "--images", "2"] + words)
      #expect(
        try String(contentsOfFile: page, encoding: .utf8).contains(
          "random-resized-crop 0.08 rotation 10 translation 0.1 vflip 0.5 auto-augment trivial "
            + "color-jitter 0.4,0.4,0.4,0.1 grayscale 0.2 blur 0.3 random-erasing 0.1"))
    }

    @Test func anotherGeometryIsAnotherRun() throws {
      let folder = scratch.path + "/run"
      _ = try tool(Array(Workshop.train(folder, epochs: 1, Self.crop).dropFirst()))
      let other = try tool(
        Array(
          Workshop.train(folder, epochs: 1, ["--resume", "auto", "--resize", "pad"]).dropFirst()),
        status: 65)
      #expect(other.errors.contains("--image-size: 96 there, 224 here"))
      #expect(other.errors.contains("--resize: crop there, pad here"))
      #expect(other.errors.contains("--crop-ratio: 0.75 there, 0.875 here"))
    }

    @Test(arguments: [
      (["--image-size", "100"], "from 96 to 512 in steps of 32"),
      (["--image-size", "544"], "from 96 to 512 in steps of 32"),
      (["--crop-ratio", "0.9"], "no effect without --resize crop"),
      (["--resize", "crop", "--crop-ratio", "0"], "from 0.25 to 1"),
    ])
    func wrongSizesAreRefused(words: [String], message: String) throws {
      let outcome = try tool(
        Array(Workshop.train(scratch.path + "/run", words).dropFirst()), status: 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }
  }
}
