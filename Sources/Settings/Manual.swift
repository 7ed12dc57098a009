/// The manual page `avp-dist(1)`, in the man macros of groff_man(7).
///
/// - Parameters:
///   - sections: what stands behind the options, such as the exit statuses: heading and paragraphs
///     or pairs of a term and its meaning.
package func manualPage(
  version: String, summary: String, of commands: [AnyCommand],
  sections: [(heading: String, terms: [(term: String, meaning: String)])]
) -> String {
  var lines = [
    ".TH AVP\\-DIST 1 \"\" \"avp\\-dist \(roff(version))\" \"User Commands\"",
    ".SH NAME", "avp\\-dist \\- \(roff(summary))",
    ".SH SYNOPSIS", ".B avp\\-dist", "\\fIcommand\\fR [\\fIoptions\\fR]", ".br",
    ".B mpirun \\-n", "\\fIN\\fR", ".B avp\\-dist train", "[\\fIoptions\\fR]",
    ".SH COMMANDS",
  ]
  for command in commands {
    lines += [".TP", ".B \(roff(command.name))", roff(command.summary)]
  }
  for command in commands {
    lines += [
      ".SH \"AVP\\-DIST \(roff(command.name.uppercased()))\"",
      ".B avp\\-dist \(roff(command.usage))", ".PP", roff(flat(command.discussion)),
    ]
    for (heading, settings) in command.groups {
      lines.append(".SS \"\(roff(heading))\"")
      for setting in settings {
        lines += [".TP", ".B \(roff(setting.usage))", roff(setting.manualText)]
      }
    }
    lines += [".PP", "Example:", ".PP", ".EX", roff(command.example), ".EE"]
  }
  for (heading, terms) in sections {
    lines.append(".SH \"\(roff(heading.uppercased()))\"")
    for (term, meaning) in terms { lines += [".TP", ".B \(roff(term))", roff(meaning)] }
  }
  return lines.joined(separator: "\n") + "\n"
}

/// The reference of all commands and options, as Markdown.
package func optionsReference(of commands: [AnyCommand]) -> String {
  var lines = [
    "# Commands and options", "",
    "Made by `avp-dist reference` from the declarations in the program; do not edit it.", "",
  ]
  lines += commands.map { "- [`\($0.name)`](#\($0.name)): \($0.summary)" }
  for command in commands {
    lines +=
      [
        "", "## \(command.name)", "", "    avp-dist \(command.usage)", "",
      ] + wrapped(command.discussion, width: 100)
    lines += ["", "Example:", "", "    \(command.example)"]
    for (heading, settings) in command.groups {
      lines += ["", "| \(heading) | values | default | what it does |", "|---|---|---|---|"]
      lines += settings.map(\.row)
    }
  }
  return lines.joined(separator: "\n") + "\n"
}

extension SettingFacts {
  fileprivate var manualText: String {
    sentence + (range.map { "; \(placeholder ?? "") is \($0)" } ?? "")
  }

  fileprivate var row: String {
    let values = range ?? placeholder?.replacing("|", with: ", ") ?? ""
    let role =
      switch role {
      case .numbers: "; decides the numbers"
      case .comingSteps: "; decides the numbers, may change with `--resume-override`"
      case .exchange: "; the same on all ranks"
      case .process: ""
      }
    let need =
      switch needs {
      case .with(let other, let words)?: "; only with `--\(other) \(words.joined(separator: "|"))`"
      case .without(let other)?: "; not with `--\(other)`"
      case nil: ""
      }
    let cells = ["`\(option)`", values, defaultText ?? "", help + role + need]
    return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }
}

private func flat(_ text: String) -> String { wrapped(text, width: .max).joined() }

/// `text` so that groff shows it as it is.
private func roff(_ text: String) -> String {
  let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    .replacing("\"", with: "\\(dq")
  return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
}
