/// A command of the tool. Its settings and operands are its properties.
package protocol Command: SettingsGroup {
  /// The word after the tool's name.
  static var name: String { get }
  /// One line for the list of commands.
  static var summary: String { get }
  /// A paragraph for the command's own help.
  static var discussion: String { get }
  /// What stands after the options, such as `IMAGE|DIR...`; nil for nothing.
  static var operands: String? { get }
  /// Whether the ranks that mpirun starts share the work. Any other command is refused on several:
  /// each would do the whole of it and write over the files of the others.
  static var isForRanks: Bool { get }
  /// A line as somebody would type it.
  static var example: String { get }
  /// Takes what stands after the options.
  mutating func take(_ operands: [String]) throws(UsageError)
  /// Runs the command.
  func run() throws
}

extension Command {
  package static var operands: String? { nil }
  package static var isForRanks: Bool { false }

  package mutating func take(_ operands: [String]) throws(UsageError) {
    guard let extra = operands.first else { return }
    throw UsageError("'\(extra)' was not expected here. Options start with two dashes.")
  }
}

/// A command, whatever its type: what the list of commands, help, the manual and completions need.
package struct AnyCommand: Sendable {
  package let name: String
  package let summary: String
  package let discussion: String
  package let operands: String?
  package let isForRanks: Bool
  package let example: String
  package let settings: [SettingFacts]
  private let runWords: @Sendable (CommandWords) throws -> Void

  package init<Some: Command>(_ type: Some.Type) {
    name = type.name
    summary = type.summary
    discussion = type.discussion
    operands = type.operands
    isForRanks = type.isForRanks
    example = type.example
    settings = type.settings.map(\.facts)
    runWords = { words in
      var command = try Some(words)
      try command.take(words.operands)
      try command.run()
    }
  }

  /// Runs the command, or prints its help where that is asked for.
  package func run(
    _ words: [String], print: (String) -> Void, beforeWork: () throws -> Void = {}
  ) throws {
    let words = try CommandWords(words, known: settings)
    guard !words.wantsHelp else { return print(help) }
    try beforeWork()
    try runWords(words)
  }

  /// The settings under their headings, in the order of the first of each.
  var groups: [(heading: String, settings: [SettingFacts])] {
    var headings: [String] = []
    for setting in settings where !headings.contains(setting.group) {
      headings.append(setting.group)
    }
    return headings.map { heading in (heading, settings.filter { $0.group == heading }) }
  }

  /// `train [options] IMAGE|DIR...`
  var usage: String { "\(name) [options]\(operands.map { " \($0)" } ?? "")" }
}
