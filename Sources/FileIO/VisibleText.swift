/// `text` in quotes, fit for a message.
package func quoted(_ text: String) -> String { "\"\(cleaned(text))\"" }

/// `text` with everything made visible that would act on a terminal, and cut off after `limit`
/// characters: names in a damaged file can hold anything.
package func cleaned(_ text: String, limit: Int = 120) -> String {
  let shown = visible(String(text.unicodeScalars.prefix(limit)), except: [])
  return text.unicodeScalars.dropFirst(limit).isEmpty ? shown : "\(shown)..."
}

/// `text` with everything made visible that would act on a terminal, as \u{1b}: names of files and
/// classes can hold anything.
///
/// - Parameter except: what stays as it is; by default what makes lines and columns, and what joins
///   letters and emoji.
package func visible(
  _ text: String, except: Set<Unicode.Scalar> = ["\n", "\t", "\u{200c}", "\u{200d}"]
) -> String {
  visible(text, except: except) { "\\u{\(String($0.value, radix: 16))}" }
}

/// A JSON text with the same made visible, as \u001b: it still says the same to a program. Outside
/// of its strings JSON has nothing of the kind.
package func visibleJSON(_ text: String) -> String {
  visible(text, except: ["\n", "\t", "\u{200c}", "\u{200d}"]) { scalar in
    scalar.utf16.map { "\\u" + padded($0, digits: 4, radix: 16) }.joined()
  }
}

/// `text` as a string of JSON, in quotes, safe to print.
package func jsonText(_ text: String) -> String { visibleJSON(jsonString(text)) }

private func visible(
  _ text: String, except: Set<Unicode.Scalar>, as code: (Unicode.Scalar) -> String
) -> String {
  if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return text }
  var shown = ""
  for scalar in text.unicodeScalars {
    let acts =
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: !except.contains(scalar)
      default: false
      }
    if acts {
      shown += code(scalar)
    } else {
      shown.unicodeScalars.append(scalar)
    }
  }
  return shown
}
