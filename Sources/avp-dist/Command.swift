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
  /// The options, in the order of the help text; `--help` is always there.
  let options: [Option]
  /// Runs the command.
  let run: @Sendable (Arguments) throws -> Void

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
