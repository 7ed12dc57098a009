import Foundation
import Testing

extension ToolTests {
  /// Nobody reads what the tool prints, or it cannot be stored: it goes on without.
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
