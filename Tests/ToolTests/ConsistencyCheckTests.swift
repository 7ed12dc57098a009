import Foundation
import Testing

extension ToolTests {
  /// Ranks that were not given the same, as on hosts that are not set up alike.
  @Suite struct ConsistencyCheckTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default

    init() throws { scratch = try TemporaryFolder() }

    private func train(_ data: String, _ more: [String] = []) -> [String] {
      [
        Program.tool, "train", "--data", data, "--weights", "demo", "--batch-size", "8",
        "--hidden", "8", "--epochs", "1", "--output", scratch.path + "/run",
      ] + more
    }

    /// Rank 0 with the first words, rank 1 with the second.
    private func pair(_ first: [String], _ second: [String]) throws -> Outcome {
      try run(["mpirun", "--oversubscribe", "-n", "1"] + first + [":", "-n", "1"] + second)
    }

    @Test(arguments: [
      (["--seed", "4"], "seed 4, rank 0 has 0"),
      (["--no-augment"], "no-augment given, rank 0 has none"),
      (["--exchange", "features"], "exchange features, rank 0 has auto"),
      (["--checkpoint-every-steps", "1"], "checkpoint-every-steps 1, rank 0 has none"),
      (["--resume", "auto"], "resume auto, rank 0 has none"),
      (["--resume-override"], "resume-override given, rank 0 has none"),
      (["--stall-timeout", "250"], "stall-timeout 250, rank 0 has 300"),
    ])
    func anotherOptionOnOneRank(option: [String], complaint: String) throws {
      let words = train(try Workshop.data.get())
      let outcome = try pair(words, words + option)
      #expect(outcome.status == 78, "\(outcome.errors)")
      #expect(outcome.errors.contains("The ranks do not agree"))
      #expect(outcome.errors.contains("rank 1 (host "))
      #expect(outcome.errors.contains(") has \(complaint)"), "\(outcome.errors)")
    }

    /// They concern rank 0 alone, or each rank for itself.
    @Test func optionsThatMayDiffer() throws {
      let words = train(try Workshop.data.get(), ["--keep", "1"])
      let outcome = try pair(words, words.dropLast() + ["2", "--threads", "1", "--log", "json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func anotherBuildOnOneRank() throws {
      let other = scratch.path + "/avp-dist"
      try files.copyItem(atPath: Program.tool, toPath: other)
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: other))
      try file.seekToEnd()
      try file.write(contentsOf: Data([0]))
      try file.close()
      let words = train(try Workshop.data.get())
      let outcome = try pair(words, [other] + words.dropFirst())
      #expect(outcome.status == 78)
      #expect(outcome.errors.contains("has avp-dist "))
    }

    @Test func otherKernelsOnOneRankAreAWarning() throws {
      let words = train(try Workshop.data.get(), ["--no-augment"])
      let kernels = ["portable", "openblas"].map { ["env", "AVP_KERNELS=\($0)"] + words }
      let outcome = try pair(kernels[0], kernels[1])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(
        outcome.errors.contains("warning: the hosts use different kernels (openblas, portable)"))
    }

    @Test func anImageOfAnotherSizeOnOneRank() throws {
      // The list is made on rank 0; rank 1 looks into another folder, as another host might.
      let data = try Workshop.copyOfData(in: scratch)
      try files.removeItem(atPath: data + "/validation/predator/0003.jpg")
      let outcome = try pair(train(try Workshop.data.get()), train(data))
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("rank 1 (host "))
      #expect(outcome.errors.contains("cannot use its share of the images"))
      #expect(outcome.errors.contains("validation/predator/0003.jpg"))
    }
  }
}
