import Foundation

/// One option of a command.
struct Option: Sendable {
  /// The option with its dashes, such as `--epochs`.
  let name: String
  /// What stands for the value in the help text; nil for an option without a value.
  let placeholder: String?
  /// One line for the help text.
  let summary: String

  init(_ name: String, _ placeholder: String? = nil, _ summary: String) {
    self.name = name
    self.placeholder = placeholder
    self.summary = summary
  }
}

/// A wrong command line; the text says what is wrong and, where it can, what was meant.
struct UsageError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The options and operands of one call, checked against the command's list.
struct Arguments: Sendable {
  private(set) var values: [String: String] = [:]
  private(set) var operands: [String] = []
  private(set) var wantsHelp = false
  /// The options that come from the file of `--config`.
  private var configured: Set<String> = []

  /// Reads `words` for a command with `options`; those of the JSON file of `--config` stand in for
  /// options that are not among the words.
  ///
  /// - Parameter takesOperands: whether words without dashes are allowed.
  init(_ words: [String], options: [Option], takesOperands: Bool) throws {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        break
      } else if word == "--help" || word == "-h" {
        wantsHelp = true
      } else if word.hasPrefix("-") && word != "-" {
        try read(word, &rest, options)
      } else {
        operands.append(word)
      }
    }
    if !wantsHelp, !takesOperands, let extra = operands.first {
      throw UsageError("'\(extra)' was not expected here. Options start with two dashes.")
    }
    if let path = values["--config"] { try readConfiguration(path, options) }
  }

  private mutating func read(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: [Option]
  ) throws {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = options.first(where: { $0.name == name }) else {
      throw UsageError(Self.unknown(name, options.map(\.name), kind: "option"))
    }
    guard values[name] == nil else { throw UsageError("\(name) is given twice.") }
    guard let placeholder = option.placeholder else {
      guard parts.count == 1 else { throw UsageError("\(name) takes no value.") }
      values[name] = "true"
      return
    }
    if parts.count == 2 {
      values[name] = String(parts[1])
    } else if let value = rest.first, !value.hasPrefix("--") {
      values[name] = value
      rest.removeFirst()
    } else {
      throw UsageError("\(name) needs a value: \(name) \(placeholder).")
    }
  }

  private mutating func readConfiguration(_ path: String, _ options: [Option]) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw UsageError("The configuration file \(path) cannot be read.")
    }
    guard let object = try? JSONDecoder().decode([String: ConfigurationValue].self, from: data)
    else {
      throw UsageError(
        "The configuration file \(path) is not a JSON object such as {\"epochs\": 10}.")
    }
    for (key, value) in object.sorted(by: { $0.key < $1.key }) {
      let name = "--" + key
      guard let option = options.first(where: { $0.name == name }), name != "--config" else {
        throw UsageError("\(path): " + Self.unknown(name, options.map(\.name), kind: "option"))
      }
      guard values[name] == nil else { continue }
      switch (value, isFlag: option.placeholder == nil) {
      case (.truth(let isOn), true): values[name] = isOn ? "true" : nil
      case (.word(let word), false):
        values[name] = word
        configured.insert(name)
      case (_, let isFlag):
        let kind = isFlag ? "true or false" : "a string or a number"
        throw UsageError("\(path): \(key) must be \(kind).")
      }
    }
  }

  /// A value of the JSON file.
  private enum ConfigurationValue: Decodable {
    case truth(Bool)
    /// A string or number as the word that would stand on the command line.
    case word(String)
    case other

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let isOn = try? value.decode(Bool.self) {
        self = .truth(isOn)
      } else if let number = try? value.decode(Int.self) {
        self = .word("\(number)")
      } else if let number = try? value.decode(Double.self) {
        self = .word("\(number)")
      } else if let text = try? value.decode(String.self) {
        self = .word(text)
      } else {
        self = .other
      }
    }
  }

  /// "Unknown option --epoch. Did you mean --epochs?"
  static func unknown(_ word: String, _ candidates: [String], kind: String) -> String {
    let nearest = candidates.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    guard let nearest, nearest.1 <= max(2, word.count / 3) else {
      return "Unknown \(kind) '\(word)'."
    }
    return "Unknown \(kind) '\(word)'. Did you mean '\(nearest.0)'?"
  }

  /// The number of insertions, deletions and replacements between two words (Levenshtein).
  private static func distance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in second.indices {
        let replaced = diagonal + (character == second[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}

// MARK: - Typed values

extension Arguments {
  /// Whether the option without a value is given.
  func has(_ name: String) -> Bool { values[name] != nil }

  /// The option's text.
  func string(_ name: String) -> String? { values[name] }

  /// What is wrong with the value of an option; names the file that it comes from.
  func error(_ name: String, _ text: String) -> UsageError {
    let file = configured.contains(name) ? values["--config"] : nil
    return UsageError((file.map { $0 + ": " } ?? "") + text)
  }

  /// What `read` makes of the option's text; its errors name the file that the text comes from.
  func parsed<Value>(_ name: String, _ read: (String) throws -> Value) throws -> Value? {
    do {
      return try values[name].map(read)
    } catch let wrong as UsageError {
      throw error(name, wrong.description)
    }
  }

  /// The option's text, or a message that it is needed.
  func required(_ name: String) throws -> String {
    guard let value = values[name] else { throw UsageError("\(name) is needed.") }
    return value
  }

  /// A whole number in `range`.
  func int(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = values[name] else { return nil }
    guard let value = Int(text), range.contains(value) else {
      let bound =
        range.upperBound == .max
        ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw error(name, "\(name) takes a whole number \(bound), not '\(text)'.")
    }
    return value
  }

  /// A finite number in `range`.
  func double(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let text = values[name] else { return nil }
    guard let value = Double(text), range.contains(value) else {
      let isOpen = range.upperBound == .greatestFiniteMagnitude
      let bound =
        range.lowerBound == .leastNonzeroMagnitude
        ? "above 0" + (isOpen ? "" : ", up to \(range.upperBound)")
        : isOpen
          ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw error(name, "\(name) takes a number \(bound), not '\(text)'.")
    }
    return value
  }

  /// One of an enumeration's words.
  func choice<Choice: RawRepresentable & CaseIterable>(_ name: String) throws -> Choice?
  where Choice.RawValue == String {
    guard let text = values[name] else { return nil }
    guard let value = Choice(rawValue: text) else {
      let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw error(name, "\(name) takes one of \(words), not '\(text)'.")
    }
    return value
  }
}
