import FileIO
import Foundation
import TensorFormats
import Testing

extension ToolTests {
  /// What a trained model is used for.
  @Suite struct ResultTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private func model() throws -> String { try Workshop.whole.get() + "/model.safetensors" }

    private func evaluation(_ ranks: Int?) throws -> [String: Any] {
      let words = [
        Program.tool, "evaluate", "--checkpoint", try model(), "--data", try Workshop.data.get(),
        "--json",
      ]
      let outcome = try run(onRanks(ranks, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try Workshop.object(outcome.output)
    }

    @Test func evaluationAgreesWithTheRunAndWithPredictions() throws {
      let evaluated = try evaluation(nil)
      let last = try Workshop.object(try #require(Workshop.epochs(Workshop.whole.get()).last))
      #expect(evaluated["loss"] as? Double == last["validation_loss"] as? Double)
      #expect(evaluated["accuracy"] as? Double == last["validation_accuracy"] as? Double)
      #expect(evaluated["count"] as? Int == 8)

      let folder = try Workshop.data.get() + "/validation"
      let words = [Program.tool, "predict", "--checkpoint", try model(), "--json", folder]
      let rows = try run(words).lines.map(Workshop.object)
      try #require(rows.count == 8)
      var (right, loss) = (0, 0.0)
      for row in rows {
        let image = try #require(row["image"] as? String)
        let name = try #require(image.split(separator: "/").dropLast().last.map(String.init))
        let shares = try #require(row["probabilities"] as? [String: Double])
        #expect(abs(shares.values.reduce(0, +) - 1) < 1e-9)
        let predicted = try #require(row["predicted"] as? String)
        #expect(shares[predicted] == shares.values.max())
        if predicted == name { right += 1 }
        loss -= log(try #require(shares[name]))
      }
      #expect(evaluated["correct"] as? Int == right)
      #expect(abs(try #require(evaluated["loss"] as? Double) - loss / 8) < 1e-6)
    }

    /// The system goes through the link first and then up.
    @Test func anImageBehindALinkIsTheOneThatTheSystemMeans() throws {
      let root = try Workshop.data.get() + "/validation"
      let files = FileManager.default
      for folder in ["real/inner", "other"] {
        try files.createDirectory(
          atPath: "\(scratch.path)/\(folder)", withIntermediateDirectories: true)
      }
      try files.createSymbolicLink(
        atPath: scratch.path + "/other/link", withDestinationPath: "../real/inner")
      try files.copyItem(
        atPath: root + "/alien/0000.jpg", toPath: scratch.path + "/real/pic.jpg")
      try files.copyItem(
        atPath: root + "/predator/0000.jpg", toPath: scratch.path + "/other/pic.jpg")
      let rows = try ["other/link/../pic.jpg", root + "/alien/0000.jpg"].map { image in
        let outcome = try run(
          [Program.tool, "predict", "--checkpoint", try model(), "--json", image],
          in: scratch.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try Workshop.object(outcome.output)["probabilities"] as? NSDictionary
      }
      #expect(rows[0] != nil && rows[0] == rows[1])
    }

    @Test func aNameThatActsOnATerminalIsShown() throws {
      let root = try Workshop.data.get() + "/validation"
      let image = scratch.path + "/\u{1b}]0;owned\u{7}.jpg"
      try FileManager.default.copyItem(atPath: root + "/alien/0000.jpg", toPath: image)
      let words = [Program.tool, "predict", "--checkpoint", try model(), image]
      let outcome = try run(words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains(#"\u{1b}]0;owned\u{7}.jpg"#))
      #expect(!outcome.output.unicodeScalars.contains("\u{1b}"))
      let missing = try run(words.dropLast() + [image + "x"])
      #expect(missing.status == 66 && !missing.errors.unicodeScalars.contains("\u{1b}"))
      // In JSON it stays what it is.
      let json = try run(words + ["--json"])
      #expect(try Workshop.object(json.output)["image"] as? String == image)
    }

    @Test func evaluationIsTheSameOnThreeRanks() throws {
      let results = try [nil, 3].map { try evaluation($0) as NSDictionary }
      #expect(results[0] == results[1])
    }

    @Test func featuresAreRowsInTheOrderGiven() throws {
      let root = try Workshop.data.get() + "/validation"
      let images = ["predator/0001.jpg", "alien/0002.jpg", "alien/0000.jpg"].map {
        "\(root)/\($0)"
      }
      func features(_ name: String, _ operands: [String], threads: Int) throws -> SafeTensorsFile {
        let file = "\(scratch.path)/\(name).safetensors"
        let words = ["features", "--weights", "demo", "--threads", "\(threads)", "--output", file]
        let outcome = try run([Program.tool] + words + operands)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try SafeTensorsFile(path: file)
      }
      let all = try features("all", images, threads: 1)
      #expect(all.shape(of: "features") == [3, 256])
      let names = try JSONDecoder().decode(
        [String].self, from: Data(try #require(all.metadata["images"]).utf8))
      #expect(names == images)
      let rows = try all.floats("features").values
      let backwards = try features("back", images.reversed(), threads: 3).floats("features")
        .values
      for row in 0..<3 {
        #expect(rows[row * 256..<row * 256 + 256] == backwards[(2 - row) * 256..<(3 - row) * 256])
      }
    }

    @Test func theBareCommandFindsDataAndWeights() throws {
      let folder = scratch.path + "/bare"
      try FileManager.default.createDirectory(
        atPath: folder + "/weights", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: Workshop.demoBackbone(), toPath: folder + "/weights/resnet50-demo.safetensors")
      try FileManager.default.copyItem(
        atPath: Workshop.data.get(), toPath: folder + "/data")
      let outcome = try run(onRanks(4, [Program.tool, "train"]), in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("18 training and 8 validation images of 2 classes"))
      #expect(outcome.output.contains("resnet50-demo.safetensors"))
      #expect(FileManager.default.fileExists(atPath: folder + "/runs/001/model.safetensors"))

      let image = "data/validation/alien/0000.jpg"
      let words = ["predict", "--checkpoint", "runs/001/best.safetensors", image]
      let prediction = try run([Program.tool] + words, in: folder)
      #expect(prediction.status == 0, "\(prediction.errors)")
      #expect(prediction.output.contains(image))
    }

    @Test func settingsMayStandInAFile() throws {
      let file = scratch.path + "/settings.json"
      try Data(#"{"max-steps": 4, "log": "json", "epochs": 9}"#.utf8)
        .write(to: URL(fileURLWithPath: file))
      let output = scratch.path + "/run"
      let outcome = try run(Workshop.train(output, epochs: 2, ["--config", file]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      let events = try outcome.lines.map { try Workshop.object($0)["event"] as? String }
      #expect(events.filter { $0 == "step" }.count == 4)
      #expect(events.filter { $0 == "epoch" }.count == 2)
    }
  }
}
