/// A value that a setting can have, as people write it.
package protocol SettingValue: Sendable {
  /// Reads what somebody has written; nil where it is no such value.
  init?(written: String)
  /// The value as somebody would write it; equal values have equal texts.
  var written: String { get }
}

extension Int: SettingValue {
  package init?(written: String) { self.init(written) }
  package var written: String { "\(self)" }
}

extension UInt64: SettingValue {
  package init?(written: String) { self.init(written) }
  package var written: String { "\(self)" }
}

extension Double: SettingValue {
  package init?(written: String) {
    guard let value = Double(written), value.isFinite else { return nil }
    self = value
  }

  package var written: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}

extension String: SettingValue {
  package init?(written: String) { self = written }
  package var written: String { self }
}

extension Optional: SettingValue where Wrapped: SettingValue {
  package init?(written: String) {
    guard let value = Wrapped(written: written) else { return nil }
    self = value
  }

  package var written: String { map(\.written) ?? "none" }
}

/// A setting's value that is one of a few words.
package protocol SettingChoice: SettingValue, CaseIterable, RawRepresentable<String> {}

extension SettingChoice {
  package init?(written: String) { self.init(rawValue: written) }
  package var written: String { rawValue }
}

/// The numbers that a setting may have, with the words for them.
package struct SettingRange<Value: Sendable>: Sendable {
  /// "from 1 to 1024"
  let words: String
  let contains: @Sendable (Value) -> Bool
}

extension SettingRange where Value: Comparable & SettingValue {
  /// From `low` to `high`, both included.
  package static func from(_ low: Value, to high: Value) -> SettingRange {
    SettingRange(words: "from \(low.written) to \(high.written)") { (low...high).contains($0) }
  }

  /// Those for which `contains` is true, which `words` describe.
  package static func `where`(
    _ contains: @escaping @Sendable (Value) -> Bool, _ words: String
  ) -> SettingRange {
    SettingRange(words: words, contains: contains)
  }

  /// `low` or more.
  package static func atLeast(_ low: Value) -> SettingRange {
    SettingRange(words: "of at least \(low.written)") { $0 >= low }
  }

  /// More than `low`, and at most `high` where that is given.
  package static func above(_ low: Value, upTo high: Value? = nil) -> SettingRange {
    let end = high.map { ", up to \($0.written)" } ?? ""
    return SettingRange(words: "above \(low.written)\(end)") { value in
      value > low && high.map { value <= $0 } ?? true
    }
  }
}
