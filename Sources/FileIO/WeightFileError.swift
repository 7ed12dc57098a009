/// Why a weight file could not be read or written, as a sentence for a person.
///
/// `description` names the file, what is wrong with it and, where there is one, the tensor.
package struct WeightFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What went wrong, so that a caller can choose an exit status or try another file.
  package enum Kind: Sendable, Equatable {
    /// There is no such file.
    case missingFile
    /// The file exists but could not be read: permissions, a folder, a failing disk.
    case unreadable
    /// The bytes break the rules of the file's own format.
    case damaged
    /// The file is sound, but holds something that is not read here.
    case unsupported
    /// A tensor that must be there is not.
    case tensorMissing
    /// A tensor is there that does not belong.
    case tensorUnexpected
    /// A tensor has another shape, or another element type, than it must have.
    case tensorMisshapen
    /// A tensor holds an infinity or a NaN.
    case tensorNotFinite
    /// The file to write could not be created: no such folder, no permission, read-only.
    case cannotCreate
    /// Writing began and failed: the disk is full, or it failed.
    case writeFailed
  }

  /// What went wrong.
  package let kind: Kind
  /// The file, or what stands for it (for example "embedded weights").
  package let path: String
  /// The tensor that is the matter, if it is one.
  package let tensor: String?
  /// What is wrong, as a clause without the file's name.
  package let reason: String

  /// Makes an error; `reason` reads as the continuation of "path: ".
  package init(_ kind: Kind, _ path: String, _ reason: String, tensor: String? = nil) {
    self.kind = kind
    self.path = path
    self.tensor = tensor
    self.reason = reason
  }

  /// The whole message: "path: what is wrong".
  package var description: String { "\(path): \(reason)" }
}

extension WeightFileError {
  /// A tensor that is not in the file.
  package static func missing(_ tensor: String, in path: String) -> WeightFileError {
    WeightFileError(
      .tensorMissing, path, "the tensor \(quoted(tensor)) is missing", tensor: tensor)
  }
}

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
    scalar.utf16.map { unit in
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }.joined()
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
