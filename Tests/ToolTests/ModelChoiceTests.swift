import Foundation
import Testing

extension ToolTests {
  /// Which model of a run the commands use, and that they say so.
  @Suite struct ModelChoiceTests {
    private let scratch: TemporaryFolder
    private let output: String
    private let files = FileManager.default

    /// A run folder with everything that a whole run leaves.
    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
      try files.copyItem(atPath: Workshop.longer.get(), toPath: output)
    }

    private func evaluate(_ model: String, ranks: Int? = nil) throws -> Outcome {
      let words = ["evaluate", "--data", try Workshop.data.get(), "--json", "--checkpoint", model]
      return try run(onRanks(ranks, [Program.tool] + words))
    }

    private func line(_ file: String, epoch: Int) throws -> String {
      let epochs = try Workshop.epochs(output).map(Workshop.object)
      let accuracy = try #require(epochs[epoch - 1]["validation_accuracy"] as? Double)
      return "model: \(output)/\(file), epoch \(epoch) of 4, validation accuracy "
        + String(format: "%.3f", accuracy)
    }

    @Test func aRunStandsForItsBestModelThenForItsLast() throws {
      let epochs = try Workshop.epochs(output).map(Workshop.object)
      let best = try #require(epochs.lastIndex { $0["best"] as? Bool == true }) + 1
      for (file, epoch) in [
        ("best.safetensors", best), ("model.safetensors", 4),
        ("checkpoints/epoch-0004.safetensors", 4),
      ] {
        let outcome = try evaluate(output, ranks: file.hasPrefix("best") ? 3 : nil)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let named = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("model: ") }
        #expect(named.map(String.init) == [try line(file, epoch: epoch)])
        #expect(
          try Workshop.object(outcome.output)["accuracy"] as? Double
            == epochs[epoch - 1]["validation_accuracy"] as? Double)
        try files.removeItem(atPath: "\(output)/\(file)")
      }
    }

    @Test func aCheckpointInsideAnEpochIsCalledThat() throws {
      let outcome = try evaluate(output + "/checkpoints/step-00000002.safetensors")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("step-00000002.safetensors, step 2 of epoch 1\n"))
    }

    @Test func aFolderWithoutAModelIsRefused() throws {
      let outcome = try evaluate(scratch.path)
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("\(scratch.path) is a folder without a model"))
    }

    @Test func exportAndPredictTakeARunToo() throws {
      let file = scratch.path + "/whole.safetensors"
      let words = ["export", "--checkpoint", output, "--format", "safetensors", "--output", file]
      let export = try run([Program.tool] + words)
      #expect(export.status == 0, "\(export.errors)")
      #expect(export.errors.contains("model: \(output)/best.safetensors, epoch "))
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      for (model, expected) in [
        (output, "model: \(output)/best.safetensors, epoch "),
        (file, "model: \(file), an exported model\n"),
      ] {
        let outcome = try run([Program.tool, "predict", "--checkpoint", model, image])
        #expect(outcome.status == 0 && outcome.errors.contains(expected), "\(outcome.errors)")
      }
      let best = output + "/best.safetensors"
      let onto = try run([Program.tool] + words.dropLast() + [best])
      #expect(onto.status == 64)
      #expect(onto.errors.contains("\(best) would overwrite the file of --checkpoint"))
    }
  }
}
