import Foundation
import MPICollectives

/// One command of the tool: its words for the help text, its options and what it does.
struct Command: Sendable {
  /// The word after `avp-dist`.
  let name: String
  /// One line for the list of commands.
  let summary: String
  /// What may stand after the options, such as `IMAGE|DIR...`; nil for nothing.
  var operands: String?
  /// A paragraph for the command's own help.
  let discussion: String
  /// Whether the ranks that mpirun starts share the work. Any other command is refused on several:
  /// each would do the whole of it and write over the files of the others.
  var isForRanks = false
  /// The options, in the order of the help text; `--help` is always there.
  let options: [Option]
  /// Runs the command.
  let run: @Sendable (Arguments) throws -> Void

  /// Refuses several processes where they would not share the work.
  func refuseRanks() throws {
    let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
    guard !isForRanks, let starter = launcher.name, launcher.processes ?? 1 > 1 else { return }
    throw UsageError(
      "`avp-dist \(name)` works in one process, and \(starter) has started several; start it by "
        + "itself, or on one rank.")
  }

  /// The command's help text.
  var help: String {
    var lines = ["usage: avp-dist \(name) [options]\(operands.map { " \($0)" } ?? "")", ""]
    lines += [discussion, "", "options:"]
    let columns = (options + [Option("--help", nil, "print this text")]).map { option in
      (option.placeholder.map { "\(option.name) \($0)" } ?? option.name, option.summary)
    }
    let width = min(34, columns.map(\.0.count).max() ?? 0)
    for (left, right) in columns {
      if left.count > width {
        lines += ["  \(left)", "  \(String(repeating: " ", count: width))  \(right)"]
      } else {
        lines.append("  \(left.padding(to: width))  \(right)")
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension String {
  /// The text with spaces after it, up to `width` characters.
  func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
