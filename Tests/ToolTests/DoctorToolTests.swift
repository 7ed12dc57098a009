import Foundation
import Testing

extension ToolTests {
  /// `doctor` on ranks of this machine; `scripts/test-doctor` plants faults on several hosts.
  @Suite struct DoctorToolTests {
    private func doctor(
      _ ranks: Int?, _ folder: TemporaryFolder, data: String? = nil, weights: String = "demo",
      _ more: [String] = []
    ) throws -> Outcome {
      let words = [
        Program.tool, "doctor", "--data", try data ?? Workshop.data.get(), "--weights", weights,
        "--seconds", "0.1", "--hidden", "8", "--output", folder.path + "/run",
      ]
      return try run(onRanks(ranks, words + more))
    }

    @Test(arguments: [nil, 2]) func soundRanks(ranks: Int?) throws {
      let folder = try TemporaryFolder()
      let outcome = try doctor(ranks, folder, ["--json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let result = try Workshop.object(outcome.output)
      #expect(Set(result.keys) == ["facts", "findings", "estimate", "status"])
      let facts = try #require(result["facts"] as? [String: Any])
      #expect((facts["ranks"] as? [Any])?.count == ranks ?? 1)
      #expect((facts["exchange"] != nil) == (ranks != nil))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func whatIsMeasuredCanBePlannedWith() throws {
      let folder = try TemporaryFolder()
      let result = try doctor(2, folder, ["--json"])
      let file = folder.path + "/doctor.json"
      try Data(result.output.utf8).write(to: URL(fileURLWithPath: file))
      let plan = try run([Program.tool, "plan", "--from", file, "--hosts", "5", "--json"])
      #expect(plan.status == 0, "\(plan.errors)")
      let rows = try #require(try Workshop.object(plan.output)["rows"] as? [[String: Any]])
      #expect(rows.map { $0["hosts"] as? Int } == [1, 2, 4, 5])
    }

    @Test func aPlanNeedsNumbers() throws {
      let folder = try TemporaryFolder()
      let file = folder.path + "/doctor.json"
      #expect(try run([Program.tool, "plan"]).status == 64)
      #expect(try run([Program.tool, "plan", "--from", file]).status == 66)
      for text in ["", "{}", #"{"facts": {"ranks": []}}"#, "[1]"] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let outcome = try run([Program.tool, "plan", "--from", file])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("is not what `doctor --json` prints"))
      }
    }

    @Test func allThatIsWrongIsTold() throws {
      let folder = try TemporaryFolder()
      let outcome = try doctor(
        2, folder, data: folder.path + "/none", weights: folder.path + "/none.pth")
      #expect(outcome.status == 66)
      #expect(outcome.output.contains("! The images cannot be listed"))
      #expect(outcome.output.contains("! The weights cannot be used"))
      #expect(outcome.output.contains("training would end with status 66"))
      #expect(outcome.lines.allSatisfy { $0.count <= 79 })
    }

    @Test func aRunThatIsThereIsNoted() throws {
      let folder = try TemporaryFolder()
      try FileManager.default.createDirectory(
        atPath: folder.path + "/run/checkpoints", withIntermediateDirectories: true)
      let outcome = try doctor(nil, folder)
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("- A run is in the folder of --output already."))
    }

    @Test func launchStartsItOnce() throws {
      let folder = try TemporaryFolder()
      let words = [
        Program.tool, "launch", "-n", "2", "--", "doctor", "--data", folder.path + "/none",
        "--weights", "demo", "--seconds", "0.1",
      ]
      let outcome = try run(words, in: folder.path)
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("`doctor` ended with status 66, see above."))
      #expect(outcome.errors.components(separatedBy: "mpirun -n 2").count == 2)
      #expect(try run([Program.tool, "launch", "-n", "2", "--", "doctor", "--x"]).status == 64)
    }
  }
}
