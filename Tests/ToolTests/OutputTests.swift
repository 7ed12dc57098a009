import Foundation
import Testing

extension ToolTests {
  /// Nobody reads what the tool prints, or it cannot be stored: a run goes on without, and a
  /// command that is there for its output says so.
  @Suite struct OutputTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    /// The status of `words` with a shell's `redirection`.
    private func status(_ words: [String], _ redirection: String) throws -> Int32 {
      let script = "\"$@\" \(redirection); exit ${PIPESTATUS[0]}"
      return try run(["bash", "-c", script, "bash"] + words).status
    }

    static let redirections = [
      ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "| true", "2>&1 | true", ">&-", "2>&-",
      "<&- >&- 2>&-",
    ]

    @Test(arguments: redirections) func helpAndErrors(redirection: String) throws {
      #expect(try status([Program.tool, "--help"], redirection) == 0)
      #expect(try status([Program.tool, "train", "--nonsense"], redirection) == 64)
    }

    @Test(arguments: [("", 0), (">/dev/full", 74), ("| true", 0)] as [(String, Int32)])
    func results(redirection: String, expected: Int32) throws {
      let run = try Workshop.whole.get()
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      let head = ["--checkpoint", run + "/model.safetensors", "--weights", "demo"]
      for words in [
        ["predict"] + head + [image], ["predict", "--json"] + head + [image],
        ["evaluate", "--data", try Workshop.data.get()] + head,
        ["weights", "inspect", Workshop.demoBackbone()],
      ] {
        #expect(try status([Program.tool] + words, redirection) == expected, "\(words)")
      }
    }

    @Test(arguments: redirections, ["auto", "json"])
    func training(redirection: String, log: String) throws {
      let output = scratch.path + "/run"
      #expect(try status(Workshop.train(output, ["--log", log]), redirection) == 0)
      #expect(try Workshop.model(output) == Workshop.model(Workshop.whole.get()))
      // No file has taken the place of a closed stream.
      #expect(try scratch.text("run/.lock").isEmpty)
    }
  }
}
