internal import Foundation

/// The words of one call, sorted into options and operands, before anything is made of them.
package struct CommandWords: Sendable {
  /// The values of the options given, by name; nil for one without a value.
  private(set) var options: [String: String?] = [:]
  /// Where an option comes from that does not stand among the words: a file's path.
  private var origins: [String: String] = [:]
  /// What is no option.
  package private(set) var operands: [String] = []
  /// Whether `--help` is among them.
  package private(set) var wantsHelp = false

  /// Sorts `words`; behind a word `--` everything is an operand.
  package init(_ words: [String], known: [SettingFacts]) throws(UsageError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        break
      } else if word == "--help" || word == "-h" {
        wantsHelp = true
      } else if word.hasPrefix("-") && word != "-" {
        try take(word, &rest, known)
      } else {
        operands.append(word)
      }
    }
    if case .some(.some(let path)) = options["config"] { try readFile(path, known) }
  }

  private mutating func take(
    _ word: String, _ rest: inout ArraySlice<String>, _ known: [SettingFacts]
  ) throws(UsageError) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let option = String(parts[0])
    guard let facts = known.first(where: { $0.option == option }) else {
      throw .unknown("option", option, among: known.map(\.option))
    }
    guard options[facts.name] == nil else { throw UsageError("\(option) is given twice.") }
    if facts.placeholder == nil {
      guard parts.count == 1 else { throw UsageError("\(option) takes no value.") }
      options[facts.name] = .some(nil)
    } else if parts.count == 2 {
      options[facts.name] = String(parts[1])
    } else if let value = rest.first, !value.hasPrefix("--") {
      options[facts.name] = value
      rest.removeFirst()
    } else {
      throw UsageError("\(option) needs a value: \(facts.usage).")
    }
  }

  /// Takes those options from the JSON object in the file `path` that were not given.
  private mutating func readFile(_ path: String, _ known: [SettingFacts]) throws(UsageError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw UsageError("The configuration file \(path) cannot be read.")
    }
    guard let object = try? JSONDecoder().decode([String: ConfigurationValue].self, from: data)
    else {
      throw UsageError(
        "The configuration file \(path) is not a JSON object such as {\"epochs\": 10}.")
    }
    for (name, value) in object.sorted(by: { $0.key < $1.key }) {
      guard let facts = known.first(where: { $0.name == name }), name != "config" else {
        throw UsageError(
          "\(path): \(UsageError.unknown("option", "--\(name)", among: known.map(\.option)))")
      }
      guard options[name] == nil else { continue }
      switch (value, isFlag: facts.placeholder == nil) {
      case (.truth(true), true): options[name] = .some(nil)
      case (.truth(false), true): continue
      case (.word(let word), false): options[name] = word
      case (_, let isFlag):
        throw UsageError(
          "\(path): \(name) must be \(isFlag ? "true or false" : "a string or a number").")
      }
      origins[name] = path
    }
  }

  /// An error of a value, with the option's name, and the file's where it stands in one.
  fileprivate func error(_ facts: SettingFacts, _ reason: UsageError) -> UsageError {
    let origin = origins[facts.name].map { "\($0): " } ?? ""
    return UsageError("\(origin)\(facts.option) \(reason)")
  }
}

extension SettingsGroup {
  /// The defaults with what the words say, checked.
  package init(_ words: CommandWords) throws(UsageError) {
    self.init()
    let settings = Self.settings
    for setting in settings {
      guard let value = words.options[setting.facts.name] else { continue }
      do throws(UsageError) {
        try setting.set(&self, value)
      } catch {
        throw words.error(setting.facts, error)
      }
    }
    for setting in settings where words.options[setting.facts.name] != nil {
      guard let reason = Self.idleReason(setting.facts, self, settings) else { continue }
      throw words.error(setting.facts, UsageError("has no effect \(reason)."))
    }
    try settle(given: Set(words.options.keys))
  }

  /// Why a setting that was given would change nothing; nil where it does.
  private static func idleReason(
    _ facts: SettingFacts, _ group: Self, _ settings: [Setting<Self>]
  ) -> String? {
    func value(_ name: String) -> String? {
      settings.first { $0.facts.name == name }?.written(group)
    }
    switch facts.needs {
    case nil: return nil
    case .without(let other):
      return value(other) == "none" ? nil : "with --\(other); leave one of them out"
    case .with(let other, let values):
      return values.contains(value(other) ?? "")
        ? nil
        : "without --\(other) \(values.joined(separator: " or ")); give that too, or leave it out"
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
