import Foundation
import Testing

extension ToolTests {
  /// What a run shows on a terminal.
  @Suite struct ScreenTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    /// What a terminal of `columns` columns receives from a run.
    private func shown(
      columns: Int, type: String = "xterm", ranks: Int? = nil, _ more: [String] = []
    ) throws -> String {
      let launcher = ranks.map { "mpirun --oversubscribe -n \($0) " } ?? ""
      let words = try Workshop.train(scratch.path + "/run", more).joined(separator: " ")
      let script = "stty cols \(columns) rows 24 && \(launcher)\(words)"
      let outcome = try run(
        ["script", "-qec", script, "/dev/null"], environment: ["TERM": type, "SHELL": "/bin/sh"])
      try #require(outcome.status == 0, "\(outcome.output)")
      return outcome.output
    }

    /// The pieces of text between what moves the cursor; the announcements above the table are
    /// longer than a narrow terminal.
    private func pieces(_ text: String) -> [Substring] {
      let run = text.split(separator: "run folder", maxSplits: 1).last ?? ""
      let lines = run.replacingOccurrences(of: "\u{1B}[K", with: "\n")
        .split(whereSeparator: { $0.isNewline || $0 == "\r" }).dropFirst()
      return lines.filter { !$0.hasPrefix("done:") && !$0.hasPrefix("model:") }
    }

    @Test(arguments: [80, 40, 20], [nil, 2] as [Int?])
    func barAndTableFit(columns: Int, ranks: Int?) throws {
      let pieces = pieces(try shown(columns: columns, ranks: ranks))
      #expect(pieces.allSatisfy { $0.count < columns }, "\(pieces)")
      #expect(pieces.contains { $0.hasPrefix("epoch 1/2") }, "\(pieces)")
      #expect(pieces.contains { $0.hasPrefix("  1/2 ") && $0.contains("0.") }, "\(pieces)")
    }

    @Test func thereIsNoBarOnFewerColumns() throws {
      let pieces = pieces(try shown(columns: 19))
      #expect(!pieces.contains { $0.hasPrefix("epoch 1/2") }, "\(pieces)")
      #expect(pieces.contains { $0.hasPrefix("  1/2 ") }, "\(pieces)")
    }

    @Test(arguments: [("dumb", "auto"), ("xterm", "plain"), ("xterm", "json")])
    func nothingIsReplacedWhereThatIsNotWanted(type: String, log: String) throws {
      let text = try shown(columns: 80, type: type, ["--log", log])
      #expect(!text.contains("\u{1B}"), "\(text)")
      #expect(text.contains(log == "json" ? "\"event\":\"epoch\"" : "  1/2 "))
    }
  }
}
