import Foundation
import Testing

extension ToolTests {
  /// Which checkpoints a run goes on from, and which it refuses.
  @Suite struct CheckpointFileTests {
    private let scratch: TemporaryFolder
    private let output: String

    /// A run folder with the checkpoints of a whole run.
    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
      try FileManager.default.copyItem(atPath: Workshop.whole.get(), toPath: output)
    }

    private func resume(_ more: [String], epochs: Int = 2) throws -> Outcome {
      try run(Workshop.train(output, epochs: epochs, ["--resume", "auto"] + more))
    }

    @Test func damagedCheckpointsArePassedOverAndNamed() throws {
      let expected = try Workshop.model(output)
      try FileManager.default.removeItem(atPath: output + "/model.safetensors")
      let newest = ["epoch-0002", "step-00000006"].map {
        "\(output)/checkpoints/\($0).safetensors"
      }
      let whole = try Data(contentsOf: URL(fileURLWithPath: newest[0]))
      try whole.dropLast(7).write(to: URL(fileURLWithPath: newest[0]))
      var flipped = try Data(contentsOf: URL(fileURLWithPath: newest[1]))
      flipped[flipped.count / 2] ^= 16
      try flipped.write(to: URL(fileURLWithPath: newest[1]))
      let outcome = try resume([])
      #expect(outcome.status == 0)
      for file in newest {
        #expect(outcome.errors.contains("warning: \(file) is damaged and is passed over"))
      }
      #expect(outcome.output.contains("going on after step 5 of 6"))
      #expect(try Workshop.model(output) == expected)
    }

    @Test func otherSettingsAreRefusedWithTheirList() throws {
      let outcome = try resume(["--seed", "5", "--lr", "0.5"], epochs: 3)
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("belongs to a run with other settings:\n"))
      for line in ["epochs: 2 there, 3 here", "lr: 0.001 there, 0.5 here", "seed: 0 there, 5 here"]
      {
        #expect(outcome.errors.contains("\n  \(line)\n"))
      }
      #expect(outcome.errors.contains("start a new run"))
    }

    @Test func moreEpochsAreAllowedOnRequest() throws {
      let refused = try resume([], epochs: 3)
      #expect(refused.status == 65)
      #expect(refused.errors.contains("--resume-override"))
      let outcome = try resume(["--resume-override"], epochs: 3)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try Workshop.epochs(output).count == 3)
    }

    @Test func theSeedIsNotOpenToOverriding() throws {
      let outcome = try resume(["--resume-override", "--seed", "5"])
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("seed: 0 there, 5 here"))
    }

    @Test func aModelIsNoCheckpoint() throws {
      let file = output + "/model.safetensors"
      let outcome = try run(
        Workshop.train(scratch.path + "/other", ["--resume", file]))
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("\(file) is a model, not a checkpoint"))
    }

    @Test func aMissingCheckpointIsNamed() throws {
      let outcome = try run(
        Workshop.train(scratch.path + "/other", ["--resume", "/nowhere/x.safetensors"]))
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("/nowhere/x.safetensors cannot be read as a checkpoint"))
    }

    @Test func onlyTheNewestAreKept() throws {
      let folder = scratch.path + "/kept"
      let more = ["--keep", "2", "--checkpoint-every-steps", "1"]
      #expect(try run(Workshop.train(folder, more)).status == 0)
      #expect(
        Workshop.checkpoints(folder) == ["epoch-0002.safetensors", "step-00000006.safetensors"])
    }
  }
}
