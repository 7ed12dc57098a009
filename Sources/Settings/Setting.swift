/// One setting of a command: the one home of its name, what it may be, what it is by
/// default, what it does, and who must agree about it.
///
/// `Root` is the value that the setting is a part of: a command, or a group of settings that several
/// commands share (see ``within(_:)``).
package struct Setting<Root: SettingsGroup>: Sendable {
  package typealias Path<Value> = any WritableKeyPath<Root, Value> & Sendable

  /// All that is known of it.
  package let facts: SettingFacts
  /// Puts what was written into the value; nil from an option without a value.
  let set: @Sendable (inout Root, String?) throws(UsageError) -> Void
  /// The present value, as somebody would write it.
  package let written: @Sendable (Root) -> String

  /// A number in a range.
  package init<Value: SettingValue & Comparable>(
    _ name: String, _ path: Path<Value>, _ placeholder: String, in range: SettingRange<Value>,
    _ help: String, group: String, role: SettingRole = .process, shown: String? = nil,
    needs: SettingNeed? = nil
  ) {
    self.init(
      name, path, placeholder, help, group, role, shown, .nothing, needs, range: range.words
    ) { text throws(UsageError) in try Self.number(text, in: range) }
  }

  /// A number in a range, or none.
  package init<Value: SettingValue & Comparable>(
    _ name: String, _ path: Path<Value?>, _ placeholder: String, in range: SettingRange<Value>,
    _ help: String, group: String, role: SettingRole = .process, shown: String? = nil,
    needs: SettingNeed? = nil
  ) {
    self.init(
      name, path, placeholder, help, group, role, shown, .nothing, needs, range: range.words
    ) { text throws(UsageError) in try Self.number(text, in: range) as Value }
  }

  /// One of a few words.
  package init<Value: SettingChoice>(
    _ name: String, _ path: Path<Value>, _ help: String, group: String,
    role: SettingRole = .process, shown: String? = nil, needs: SettingNeed? = nil
  ) {
    let words = Value.allCases.map(\.rawValue)
    self.init(
      name, path, words.joined(separator: "|"), help, group, role, shown, .words(words), needs
    ) { text throws(UsageError) in try Self.choice(text) }
  }

  /// One of a few words, or none.
  package init<Value: SettingChoice>(
    _ name: String, _ path: Path<Value?>, _ help: String, group: String,
    role: SettingRole = .process, shown: String? = nil, needs: SettingNeed? = nil
  ) {
    let words = Value.allCases.map(\.rawValue)
    self.init(
      name, path, words.joined(separator: "|"), help, group, role, shown, .words(words), needs
    ) { text throws(UsageError) in try Self.choice(text) as Value }
  }

  /// A text with a form of its own: a path, a name.
  package init<Value: SettingValue>(
    _ name: String, _ path: Path<Value>, _ placeholder: String, _ help: String, group: String,
    role: SettingRole = .process, shown: String? = nil, completion: SettingCompletion = .nothing,
    needs: SettingNeed? = nil
  ) {
    self.init(
      name, path, placeholder, help, group, role, shown, completion, needs
    ) { text throws(UsageError) in
      guard let value = Value(written: text) else {
        throw UsageError("takes \(placeholder), not '\(text)'.")
      }
      return value
    }
  }

  /// A text whose form `isValue` knows and `range` describes.
  package init(
    _ name: String, _ path: Path<String>, _ placeholder: String, range: String?, _ help: String,
    group: String, role: SettingRole = .process, completion: SettingCompletion = .nothing,
    needs: SettingNeed? = nil, isValue: @escaping @Sendable (String) -> Bool
  ) {
    self.init(
      name, path, placeholder, help, group, role, nil, completion, needs, range: range
    ) { text throws(UsageError) in
      guard isValue(text) else {
        throw UsageError(
          "takes \(placeholder)\(range.map { ", \($0)" } ?? ""), not '\(text)'.")
      }
      return text
    }
  }

  /// An option without a value: given or not.
  package init(
    _ name: String, _ path: Path<Bool>, _ help: String, group: String,
    role: SettingRole = .process, needs: SettingNeed? = nil
  ) {
    facts = SettingFacts(
      name: name, placeholder: nil, help: help, defaultText: nil, range: nil, group: group,
      role: role, completion: .nothing, needs: needs)
    set = { root, _ in root[keyPath: path] = true }
    written = { $0[keyPath: path] ? "given" : "none" }
  }

  private init<Value: SettingValue>(
    _ name: String, _ path: Path<Value>, _ placeholder: String, _ help: String, _ group: String,
    _ role: SettingRole, _ shown: String?, _ completion: SettingCompletion, _ needs: SettingNeed?,
    range: String? = nil, read: @escaping @Sendable (String) throws(UsageError) -> Value
  ) {
    let initial = Root()[keyPath: path].written
    facts = SettingFacts(
      name: name, placeholder: placeholder, help: help,
      defaultText: shown ?? (["none", ""].contains(initial) ? nil : initial), range: range,
      group: group, role: role, completion: completion, needs: needs)
    set = { root, text throws(UsageError) in root[keyPath: path] = try read(text ?? "") }
    written = { $0[keyPath: path].written }
  }

  private init(
    facts: SettingFacts,
    set: @escaping @Sendable (inout Root, String?) throws(UsageError) -> Void,
    written: @escaping @Sendable (Root) -> String
  ) {
    self.facts = facts
    self.set = set
    self.written = written
  }

  private static func number<Value: SettingValue & Comparable>(
    _ text: String, in range: SettingRange<Value>
  ) throws(UsageError) -> Value {
    guard let value = Value(written: text), range.contains(value) else {
      throw UsageError("takes \(kind(Value.self)) \(range.words), not '\(text)'.")
    }
    return value
  }

  private static func choice<Value: SettingChoice>(_ text: String) throws(UsageError) -> Value {
    guard let value = Value(written: text) else {
      let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError("takes one of \(words), not '\(text)'.")
    }
    return value
  }

  private static func kind(_ type: any SettingValue.Type) -> String {
    type is Double.Type ? "a number" : "a whole number"
  }
}

extension Setting {
  /// The setting with a list of values in place of one: `A,B,...`, kept as they were written under
  /// its name. Of an option without a value the list is of `yes` and `no`.
  package func listed<Outer: SettingsGroup>(
    in path: any WritableKeyPath<Outer, [String: [String]]> & Sendable, role: SettingRole
  ) -> Setting<Outer> {
    let facts = facts
    let text = facts.placeholder ?? "yes|no"
    let set = set
    return Setting<Outer>(
      facts: SettingFacts(
        name: facts.name, placeholder: "\(text),...", help: facts.help,
        defaultText: facts.placeholder == nil ? "no" : facts.defaultText, range: facts.range,
        group: facts.group, role: role, completion: facts.completion, needs: nil),
      set: { outer, written throws(UsageError) in
        let values = (written ?? "").split(separator: ",", omittingEmptySubsequences: false)
          .map(String.init)
        for (index, value) in values.enumerated() {
          guard !values[..<index].contains(value) else {
            throw UsageError("has '\(value)' twice.")
          }
          guard facts.placeholder != nil else {
            guard ["yes", "no"].contains(value) else {
              throw UsageError("takes yes, no or both, not '\(value)'.")
            }
            continue
          }
          var scratch = Root()
          try set(&scratch, value)
        }
        outer[keyPath: path][facts.name] = values
      },
      written: { $0[keyPath: path][facts.name]?.joined(separator: ",") ?? "none" })
  }

  /// The same setting of a command that has another default, or for which it means something else.
  package func showing(default text: String, help: String? = nil) -> Setting {
    Setting(
      facts: SettingFacts(
        name: facts.name, placeholder: facts.placeholder, help: help ?? facts.help,
        defaultText: text, range: facts.range, group: facts.group, role: facts.role,
        completion: facts.completion, needs: facts.needs),
      set: set, written: written)
  }

  /// Gives `root` one of the values of a list; see ``listed(in:role:)``.
  package func apply(_ value: String, to root: inout Root) throws(UsageError) {
    if facts.placeholder != nil {
      try set(&root, value)
    } else if value == "yes" {
      try set(&root, nil)
    }
  }

  /// The same setting of a value that `Root` is a part of.
  package func within<Outer: SettingsGroup>(
    _ part: any WritableKeyPath<Outer, Root> & Sendable
  ) -> Setting<Outer> {
    let (set, written) = (set, written)
    return Setting<Outer>(
      facts: facts,
      set: { outer, text throws(UsageError) in try set(&outer[keyPath: part], text) },
      written: { written($0[keyPath: part]) })
  }
}

/// Settings that belong together: those of a command, or a part of them that several share.
package protocol SettingsGroup: Sendable {
  /// The defaults.
  init()
  /// All settings, in the order in which help shows them.
  static var settings: [Setting<Self>] { get }
  /// Checks what no single setting can tell, and fills in what follows from several.
  ///
  /// - Parameter given: the names of the options that were given.
  mutating func settle(given: Set<String>) throws(UsageError)
}

extension SettingsGroup {
  package mutating func settle(given: Set<String>) throws(UsageError) {}

  /// The settings of a part, as settings of the whole.
  package static func part<Part: SettingsGroup>(
    _ path: any WritableKeyPath<Self, Part> & Sendable
  ) -> [Setting<Self>] {
    Part.settings.map { $0.within(path) }
  }
}
