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
      for line in [
        "--epochs: 2 there, 3 here", "--lr: 0.001 there, 0.5 here", "--seed: 0 there, 5 here",
      ] {
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

    /// What counts is the fingerprint, not the file's name or format.
    @Test func theSameWeightsInAnotherFileGoOn() throws {
      let file = scratch.path + "/converted.safetensors"
      let words = [Program.tool, "weights", "convert", Workshop.demoBackbone(), file]
      #expect(try run(words).status == 0)
      let more = ["--resume", "auto", "--resume-override"]
      let outcome = try run(
        Workshop.train(output, epochs: 3, more).map { $0 == "demo" ? file : $0 })
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

    @Test func onlyTheNewestAndTheBestAreKept() throws {
      let folder = scratch.path + "/kept"
      let more = ["--keep", "2", "--checkpoint-every-steps", "1"]
      #expect(try run(Workshop.train(folder, epochs: 4, more)).status == 0)
      let epochs = try Workshop.epochs(folder).map(Workshop.object)
      let best = try #require(epochs.last { $0["best"] as? Bool == true }?["epoch"] as? Int)
      let names: Set = [
        "epoch-0004.safetensors", "step-00000012.safetensors", "epoch-000\(best).safetensors",
      ]
      #expect(Set(Workshop.checkpoints(folder)) == names)

      // The best one is complete: a run goes on from it.
      let file = "\(folder)/checkpoints/epoch-000\(best).safetensors"
      let other = scratch.path + "/other"
      #expect(try run(Workshop.train(other, epochs: 4, ["--resume", file])).status == 0)
      #expect(try Workshop.model(other) == Workshop.model(folder))
    }

    @Test func whatDeadWritersLeftIsRemoved() throws {
      let leftovers = [
        "checkpoints/.epoch-0009.safetensors.123.0.tmp", ".model.safetensors.7.2.tmp",
      ]
      for name in leftovers { try Data([1]).write(to: URL(fileURLWithPath: "\(output)/\(name)")) }
      #expect(try resume([]).status == 0)
      for name in leftovers {
        #expect(!FileManager.default.fileExists(atPath: "\(output)/\(name)"))
      }
    }

    @Test(arguments: [1, 2]) func whatIsDifferentInAnotherImageSet(ranks: Int) throws {
      let data = try Workshop.copyOfData(in: scratch)
      let files = FileManager.default
      try files.removeItem(atPath: data + "/train/alien/0002.jpg")
      let grown = URL(fileURLWithPath: data + "/train/predator/0004.jpg")
      try (Data(contentsOf: grown) + [0]).write(to: grown)
      let words = try Workshop.train(output, ["--resume", "auto"])
        .map { $0 == (try? Workshop.data.get()) ? data : $0 }
      let outcome = try run(onRanks(ranks, words))
      #expect(outcome.status == 65)
      for part in [
        "belongs to a run with other images than \(data): 18 training and 8 validation images "
          + "there, 17 and 8 here", "; 2 of those there have other contents now or are gone",
        "; 1 of those here are new or changed, as train/predator/0004.jpg.",
      ] {
        #expect(outcome.errors.contains(part), "\(outcome.errors)")
      }
    }

    @Test func imagesThatHaveOtherNamesOnly() throws {
      let data = try Workshop.copyOfData(in: scratch)
      try FileManager.default.moveItem(
        atPath: data + "/train/alien/0002.jpg", toPath: data + "/train/alien/other.jpg")
      let words = try Workshop.train(output, ["--resume", "auto"])
        .map { $0 == (try? Workshop.data.get()) ? data : $0 }
      let outcome = try run(words)
      #expect(outcome.status == 65)
      #expect(
        outcome.errors.contains("; the contents are the same, the names are not"),
        "\(outcome.errors)")
    }

    @Test func anImageThatWasReplacedIsNamed() throws {
      let data = try Workshop.copyOfData(in: scratch)
      try Workshop.changeContent(data + "/train/predator/0004.jpg")
      let words = try Workshop.train(output, epochs: 3, ["--resume", "auto", "--resume-override"])
        .map { $0 == (try? Workshop.data.get()) ? data : $0 }
      let outcome = try run(words)
      #expect(outcome.status == 65)
      #expect(
        outcome.errors.contains(" the image train/predator/0004.jpg has other content than when"))
    }

    @Test func theFallsOfTheStepScheduleArePartOfTheSettings() throws {
      let folder = scratch.path + "/step"
      let step = ["--schedule", "step", "--step-epochs", "1"]
      #expect(try run(Workshop.train(folder, step)).status == 0)
      #expect(try Workshop.model(folder) != Workshop.model(output))
      let more = ["--resume", "auto", "--step-factor", "0.5"]
      let outcome = try run(Workshop.train(folder, step + more))
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("\n  --step-factor: 0.1 there, 0.5 here\n"))
    }
  }
}
