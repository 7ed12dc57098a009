import Foundation
import Testing

extension ToolTests {
  /// Whose a run's folder is, and what a run finds there.
  @Suite struct RunFolderTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    @Test func aFolderThatCannotBeMade() throws {
      try Data().write(to: URL(fileURLWithPath: scratch.path + "/file"))
      let output = scratch.path + "/file/run"
      let outcome = try run(Workshop.train(output))
      #expect(outcome.status == 73)
      #expect(outcome.errors.contains("\(output) cannot be made"))
    }

    @Test func aFolderThatHoldsARun() throws {
      let whole = try Workshop.whole.get()
      let outcome = try run(Workshop.train(whole))
      #expect(outcome.status == 73)
      #expect(outcome.errors.contains("\(whole) holds a run already"))
      #expect(outcome.errors.contains("--resume auto"))
    }

    @Test func aFolderInWhichAnotherRunIsAtWork() throws {
      let output = scratch.path + "/run"
      let words = try Workshop.train(output, epochs: 3_000, ["--threads", "1"])
      let first = try Program(words)
      defer {
        kill(first.id, SIGTERM)
        _ = try? first.wait()
      }
      #expect(first.wait { FileManager.default.fileExists(atPath: output + "/metrics.jsonl") })
      let second = try run(words + ["--resume", "auto", "--stall-timeout", "6"])
      #expect(second.status == 69, "\(second.errors)")
      #expect(second.errors.contains("another run is at work in \(output), or its host"))
      #expect(second.errors.contains("Another run is at work in \(output)."), "\(second.errors)")
      #expect(first.isRunning)
    }

    @Test func oneOfTwoRunsGetsANewFolder() throws {
      let words = try Workshop.train(scratch.path + "/run")
      let outcomes = try (0..<2).map { _ in try Program(words) }.map { try $0.wait() }
      #expect(outcomes.map(\.status).sorted() == [0, 73])
      #expect(try Workshop.model(scratch.path + "/run") == Workshop.model(Workshop.whole.get()))
    }

    @Test func aRunThatWasKilledLeavesTheFolderFree() throws {
      let output = scratch.path + "/run"
      let first = try Program(Workshop.train(output, epochs: 3_000))
      #expect(first.wait { FileManager.default.fileExists(atPath: output + "/metrics.jsonl") })
      kill(first.id, SIGKILL)
      #expect(try first.wait().status == 137)
      let more = ["--resume", "auto", "--resume-override", "--max-steps", "1"]
      #expect(try run(Workshop.train(output, epochs: 3_000, more)).status == 0)
    }

    @Test(arguments: [["--data", "/nowhere", "--weights", "demo"], ["--weights", "/nowhere"]])
    func aRunThatCannotBeginLeavesNoFolder(words: [String]) throws {
      let data = words.contains("--data") ? [] : ["--data", try Workshop.data.get()]
      for program in [["train"], ["launch", "-n", "2", "--", "train"]] {
        let outcome = try run([Program.tool] + program + words + data, in: scratch.path)
        #expect(outcome.status == 66, "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/runs"))
      }
    }

    /// Each makes its folder before it does anything else in it.
    @Test func runsThatStartTogetherGetFoldersOfTheirOwn() throws {
      let words = try Workshop.train("", epochs: 1).dropLast(2)
      let programs = try (0..<4).map { _ in try Program(Array(words), in: scratch.path) }
      for program in programs {
        let outcome = try program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      for number in 1...4 {
        let model = "\(scratch.path)/runs/00\(number)/model.safetensors"
        #expect(FileManager.default.fileExists(atPath: model))
      }
    }

    /// What `auto` and a file choose where no folder is named.
    @Test func aRunThatGoesOnFindsItsFolder() throws {
      func words(_ more: [String]) throws -> [String] {
        Array(try Workshop.train("", epochs: 1, more)).filter { $0 != "--output" && $0 != "" }
      }
      func go(_ more: [String]) throws -> Outcome { try run(words(more), in: scratch.path) }
      for seed in ["0", "1"] { #expect(try go(["--seed", seed]).status == 0) }
      let second = try Workshop.model(scratch.path + "/runs/002")
      // What a start that failed has left is no run.
      try FileManager.default.createDirectory(
        atPath: scratch.path + "/runs/003", withIntermediateDirectories: false)
      let newest = try go(["--seed", "1", "--resume", "auto"])
      #expect(newest.status == 0, "\(newest.errors)")
      #expect(newest.output.contains("run folder runs/002"))
      #expect(!newest.errors.contains("starting from the beginning"))

      // The first run goes on elsewhere, not over the second one.
      let file = "runs/001/checkpoints/epoch-0001.safetensors"
      let branched = try go(["--resume", file])
      #expect(branched.status == 0, "\(branched.errors)")
      #expect(branched.output.contains("run folder runs/004"))
      #expect(try Workshop.model(scratch.path + "/runs/002") == second)
    }

    @Test func aFileOfAnotherRunDoesNotReplaceTheRunInTheFolder() throws {
      let whole = try Workshop.whole.get()
      let output = scratch.path + "/run"
      try FileManager.default.copyItem(atPath: whole, toPath: output)
      let name = "checkpoints/epoch-0001.safetensors"
      let refused = try run(Workshop.train(output, ["--resume", "\(whole)/\(name)"]))
      #expect(refused.status == 73)
      #expect(refused.errors.contains("\(output) holds a run already"))
      // Its own file is no other run's, also by another name of the folder.
      let link = scratch.path + "/link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: output)
      for folder in [output, link] {
        let outcome = try run(Workshop.train(output, ["--resume", "\(folder)/\(name)"]))
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      #expect(try Workshop.model(output) == Workshop.model(whole))
    }

    @Test func aFreshStartIsAnnounced() throws {
      let output = scratch.path + "/run"
      let outcome = try run(Workshop.train(output, ["--resume", "auto"]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("no checkpoint in \(output)/checkpoints on host "))
      #expect(outcome.errors.contains(": starting from the beginning"))
    }

    @Test func checkpointsThatCannotBeReadAreNoFreshStart() throws {
      let output = scratch.path + "/run"
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: output + "/checkpoints"))
      let outcome = try run(Workshop.train(output, ["--resume", "auto"]))
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("\(output)/checkpoints: is no folder"))
    }

    @Test func anUnreadableCheckpointIsNotCalledMissing() throws {
      let outcome = try run(
        Workshop.train(scratch.path + "/run", ["--resume", scratch.path]))
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("\(scratch.path) is there and cannot be read"))
    }

    @Test func aTornLineOfTheMetricsIsForgotten() throws {
      let output = scratch.path + "/run"
      try FileManager.default.copyItem(atPath: Workshop.whole.get(), toPath: output)
      let file = URL(fileURLWithPath: output + "/metrics.jsonl")
      // The first half of a letter of two bytes.
      try (Data(contentsOf: file) + Data("{\"path\":\"".utf8) + [0xC3]).write(to: file)
      try FileManager.default.removeItem(atPath: output + "/checkpoints/epoch-0002.safetensors")
      #expect(try run(Workshop.train(output, ["--resume", "auto"])).status == 0)
      #expect(try Workshop.epochs(output) == Workshop.epochs(Workshop.whole.get()))
    }

    @Test func theBestModelComesAlongIntoAnotherFolder() throws {
      let longer = try Workshop.longer.get()
      let epochs = try Workshop.epochs(longer).map(Workshop.object)
      let best = try #require(epochs.last { $0["best"] as? Bool == true }?["epoch"] as? Int)
      let last = longer + "/checkpoints/epoch-0004.safetensors"
      let output = scratch.path + "/run"
      let outcome = try run(Workshop.train(output, epochs: 4, ["--resume", last]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("best: \(output)/best.safetensors"))
      let files = ["best.safetensors", "model.safetensors"]
      for file in files {
        #expect(
          FileManager.default.contentsEqual(
            atPath: "\(output)/\(file)", andPath: "\(longer)/\(file)"))
      }

      // Alone, a checkpoint behind the best epoch cannot tell what that head was.
      guard best < 4 else { return }
      let alone = scratch.path + "/alone.safetensors"
      try FileManager.default.copyItem(atPath: last, toPath: alone)
      let second = scratch.path + "/second"
      let without = try run(Workshop.train(second, epochs: 4, ["--resume", alone]))
      #expect(without.status == 0, "\(without.errors)")
      #expect(!without.output.contains("best: "))
      #expect(!FileManager.default.fileExists(atPath: second + "/best.safetensors"))
    }

    @Test func otherKernelsThanTheCheckpointsAreAWarning() throws {
      let file = try Workshop.whole.get() + "/checkpoints/epoch-0002.safetensors"
      let words = try Workshop.train(scratch.path + "/run", ["--resume", file])
      // One of the two is not what the checkpoint was made with.
      let warnings = try ["portable", "openblas"].map { kernels in
        let outcome = try run(
          words.map { $0 == scratch.path + "/run" ? "\(scratch.path)/\(kernels)" : $0 },
          environment: ["AVP_KERNELS": kernels])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.errors.contains("warning: \(file) was written with other means (kernels ")
          && outcome.errors.contains(" there, \(kernels) here)")
      }
      #expect(warnings.contains(true))
    }
  }
}
