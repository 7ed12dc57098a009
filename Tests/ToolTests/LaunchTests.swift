import Foundation
import Testing

extension ToolTests {
  /// What `launch` makes of the end of an attempt, with a script in place of mpirun.
  @Suite struct LaunchTests {
    private let scratch: TemporaryFolder
    private let output: String

    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
    }

    /// Puts a file into the run's folder of checkpoints.
    private func writeCheckpoint(_ name: String) throws -> String {
      let folder = output + "/checkpoints"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data([1]).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      return "\(folder)/\(name)"
    }

    /// Launches with an mpirun that notes its words and does `attempts` one after the other.
    private func launch(_ attempts: [String], _ words: [String]) throws -> (Outcome, [String]) {
      let cases = attempts.enumerated().map { "\($0 + 1)) \($1);;" }.joined(separator: "\n")
      let script = """
        #!/bin/sh
        echo "$*" >>\(scratch.path)/calls
        case $(wc -l <\(scratch.path)/calls) in
        \(cases)
        esac
        """
      let path = scratch.path + "/mpirun"
      try Data(script.utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      let outcome = try run(
        [Program.tool, "launch", "-n", "2", "--", "train", "--output", output] + words,
        environment: ["PATH": "\(scratch.path):\(search)"], seconds: 60)
      let calls = try scratch.text("calls").split(separator: "\n").map(String.init)
      return (outcome, calls)
    }

    @Test(arguments: [64, 65, 66, 73, 74, 78] as [Int32])
    func whatWouldHappenAgainIsNotTriedAgain(status: Int32) throws {
      let (outcome, calls) = try launch(["exit \(status)"], [])
      #expect(outcome.status == status)
      #expect(calls.count == 1)
      #expect(
        outcome.errors.contains("The run ended with status \(status) and is not started again"))
    }

    @Test(arguments: ["exit 69", "exit 70", "exit 1", "exit 137", "kill -9 $$"])
    func whatMayBeChanceIsTriedAgain(end: String) throws {
      let (outcome, calls) = try launch([end, end, "exit 0"], [])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(calls.count == 3)
      #expect(!calls[0].contains("--resume"))
      #expect(calls[1].hasSuffix("--resume auto") && calls[2].hasSuffix("--resume auto"))
    }

    @Test func theRestartsHaveAnEnd() throws {
      let (outcome, calls) = try launch(Array(repeating: "exit 137", count: 9), [])
      #expect(outcome.status == 69)
      #expect(calls.count == 4)
      #expect(outcome.errors.contains("The run ended with status 137 after 3 restarts"))
    }

    @Test(arguments: [["--resume", "x.safetensors"], ["--resume=x.safetensors"]])
    func aNamedCheckpointCountsUntilThereAreNewerOnes(words: [String]) throws {
      _ = try writeCheckpoint("old.safetensors")
      let write = "echo new >\(output)/checkpoints/new.safetensors; exit 137"
      let (outcome, calls) = try launch(["exit 137", write, "exit 137", "exit 0"], words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      try #require(calls.count == 4)
      let named = words.joined(separator: " ")
      #expect(calls[0].hasSuffix(named) && calls[1].hasSuffix(named))
      for call in calls[2...] {
        #expect(call.hasSuffix("--resume auto"))
        #expect(!call.contains("x.safetensors"))
      }
    }

    @Test func aCheckpointThatIsWrittenAgainIsANewOne() throws {
      let file = try writeCheckpoint("epoch-0001.safetensors")
      let (outcome, calls) = try launch(
        ["echo new >\(file).part; mv \(file).part \(file); exit 137", "exit 0"],
        ["--resume", file])
      #expect(outcome.status == 0)
      #expect(calls.last?.hasSuffix("--resume auto") == true)
    }

    @Test func aStoppedRunIsNotStartedAgain() throws {
      let (outcome, calls) = try launch(["exit 75"], [])
      #expect(outcome.status == 75)
      #expect(calls.count == 1)
    }

    /// With the real mpirun: the checkpoint of another run.
    @Test func aCheckpointOfOtherSettingsEndsAtOnce() throws {
      let file = try Workshop.whole.get() + "/checkpoints/epoch-0001.safetensors"
      let words = try Workshop.train(scratch.path + "/other", ["--resume", file, "--seed", "5"])
      let outcome = try run([Program.tool, "launch", "-n", "2", "--"] + words.dropFirst())
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("seed: 0 there, 5 here"))
      #expect(outcome.errors.contains("is not started again"))
      #expect(!outcome.errors.contains("; restart "))
    }
  }
}
