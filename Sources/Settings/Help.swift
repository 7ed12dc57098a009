extension AnyCommand {
  /// The command's help text, at most 79 columns wide.
  package var help: String {
    var lines = ["usage: avp-dist \(usage)", ""] + wrapped(discussion, width: 79)
    let common = SettingFacts.help
    for (heading, settings) in groups + [("Help", [common])] {
      lines += ["", "\(heading):"]
      for setting in settings { lines += setting.helpLines }
    }
    return (lines + ["", "Example:", "  \(example)"]).joined(separator: "\n")
  }
}

extension SettingFacts {
  /// The option that every command has.
  static let help = SettingFacts(
    name: "help", placeholder: nil, help: "print this text", defaultText: nil, range: nil,
    group: "Help", role: .process, completion: .nothing, needs: nil)

  /// The columns that options take in a help text.
  private static let column = 26

  /// What it does, with its default and what it needs.
  var sentence: String {
    let need =
      switch needs {
      case .with(let other, let values)?: "with --\(other) \(values.joined(separator: " or ")): "
      case .without?, nil: ""
      }
    return need + help + (defaultText.map { " (\($0))" } ?? "")
  }

  fileprivate var helpLines: [String] {
    let indent = String(repeating: " ", count: Self.column + 4)
    var lines = wrapped(sentence, width: 79 - indent.count).map { indent + $0 }
    let left = "  \(usage)  "
    if left.count > indent.count {
      lines.insert(String(left.dropLast(2)), at: 0)
    } else {
      lines[0] = left + lines[0].dropFirst(left.count)
    }
    return lines
  }
}

/// `text` in lines of at most `width` characters; a word that is longer has a line of its own. Line
/// breaks in the text that stand alone are spaces.
func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  for word in text.split(whereSeparator: \.isWhitespace) {
    if let last = lines.last, last.count + 1 + word.count <= width {
      lines[lines.count - 1] = "\(last) \(word)"
    } else {
      lines.append(String(word))
    }
  }
  return lines.isEmpty ? [""] : lines
}
