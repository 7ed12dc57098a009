/// A JSON text as a tree, for short texts of which several parts are needed at once.
package enum JSONValue: Sendable, Equatable {
  case null
  case boolean(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// The entry `key` of an object; nil for null, so that it means the same as no entry.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let entries) = self, let value = entries[key], value != .null else {
      return nil
    }
    return value
  }

  package var string: String? { if case .string(let text) = self { text } else { nil } }
  package var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
  package var number: Double? { if case .number(let value) = self { value } else { nil } }
  package var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
  /// The numbers of nested lists one after the other, a single number as one; nil where there is
  /// anything else.
  package var numbers: [Double]? {
    if let number { return [number] }
    guard let array else { return nil }
    var numbers: [Double] = []
    for value in array {
      guard let more = value.numbers else { return nil }
      numbers += more
    }
    return numbers
  }
}

extension JSONReader {
  /// Reads any value whole. Of equal keys in an object the last one counts.
  package mutating func value() throws(Failure) -> JSONValue {
    valuesLeft -= 1
    guard valuesLeft >= 0 else { throw failure("too many values") }
    switch peek() {
    case UInt8(ascii: "{"):
      var entries: [String: JSONValue] = [:]
      try object { (reader, key) throws(Failure) in entries[key] = try reader.value() }
      return .object(entries)
    case UInt8(ascii: "["):
      var values: [JSONValue] = []
      try array { (reader) throws(Failure) in values.append(try reader.value()) }
      return .array(values)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean(try boolean())
    case UInt8(ascii: "n"):
      try skip()
      return .null
    default: return .number(try number())
    }
  }
}
