import Foundation
import Testing

extension ToolTests {
  /// A run whose files cannot be written does not end as if they were.
  @Suite struct WriteFailureTests {
    private let scratch: TemporaryFolder
    private let output: String
    private let files = FileManager.default

    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
    }

    /// A run whose files may have at most so many KiB: a model of 64 hidden units has 66, a
    /// checkpoint three times as many.
    private func train(limit: Int, _ more: [String] = []) throws -> Outcome {
      // The cache is filled by another one, without the limit.
      _ = try Workshop.whole.get()
      let words = try Workshop.train(output, more).map { $0 == "8" ? "64" : $0 }
      return try run(["bash", "-c", "ulimit -f \(limit); exec \"$@\"", "bash"] + words)
    }

    @Test func aRunWithoutItsLastCheckpointHasFailed() throws {
      let outcome = try train(limit: 100)
      #expect(outcome.status == 74, "\(outcome.errors)")
      let shown = outcome.output + outcome.errors
      #expect(shown.contains("no checkpoint could be written, the run goes on: "), "\(shown)")
      #expect(shown.contains("3 checkpoints of this run could not be written; see above"))
      #expect(outcome.errors.contains("File too large"))
      #expect(Workshop.checkpoints(output) == [])
      // What can be kept is.
      #expect(files.fileExists(atPath: output + "/model.safetensors"))
      #expect(files.fileExists(atPath: output + "/best.safetensors"))
    }

    @Test func aRunWithoutItsModelHasFailed() throws {
      let outcome = try train(limit: 40)
      #expect(outcome.status == 74, "\(outcome.errors)")
      #expect(!files.fileExists(atPath: output + "/model.safetensors"))
    }

    /// The disk fills inside a line of metrics: the run goes on, and no half of a line stays.
    @Test func aLineOfMetricsIsWrittenWholeOrNotAtAll() throws {
      try files.createDirectory(atPath: output, withIntermediateDirectories: true)
      let frame = #"{"event":"other","text":""}"# + "\n"
      let text = String(repeating: "x", count: 400 * 1024 - 150 - frame.count)
      try Data(frame.replacing(#""text":""#, with: #""text":"\#(text)"#).utf8)
        .write(to: URL(fileURLWithPath: output + "/metrics.jsonl"))
      let outcome = try train(limit: 400, ["--resume", "auto"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let shown = outcome.output + outcome.errors
      #expect(shown.contains("no line of metrics could be written: "), "\(shown)")
      #expect(shown.contains("File too large"))
      let metrics = try String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8)
      #expect(metrics.hasSuffix("}\n") && metrics.utf8.count > 400 * 1024 - 150)
      for line in metrics.split(separator: "\n") { _ = try Workshop.object(String(line)) }
    }

    @Test func aRoomyLimitChangesNothing() throws {
      let outcome = try train(limit: 400)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(!(outcome.output + outcome.errors).contains("could not be written"))
    }

    @Test(arguments: ["metrics.jsonl", "best.safetensors", "model.safetensors"], [1, 2])
    func aFolderInAFilesPlaceIsFoundBeforeTheFirstStep(name: String, ranks: Int) throws {
      try files.createDirectory(atPath: "\(output)/\(name)", withIntermediateDirectories: true)
      let words = try Workshop.train(output, epochs: 1, ["--resume", "auto"])
      let outcome = try run(onRanks(ranks, words))
      #expect(outcome.status == 73, "\(outcome.errors)")
      #expect(outcome.errors.contains("\(output)/\(name): is a folder"), "\(outcome.errors)")
      #expect(!outcome.output.contains("epoch 1"))
      #expect(!files.fileExists(atPath: output + "/checkpoints"))
    }
  }
}
