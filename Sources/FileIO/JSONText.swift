/// A JSON value to be written.
package indirect enum JSONText {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONText])
  /// Members in the order in which they are written.
  case object([(String, JSONText)])

  /// The value as text without white space.
  package var text: String {
    switch self {
    case .null: "null"
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): jsonString(value)
    case .array(let values): "[\(values.map(\.text).joined(separator: ","))]"
    case .object(let members):
      "{\(members.map { "\(jsonString($0.0)):\($0.1.text)" }.joined(separator: ","))}"
    }
  }

  /// A list of whole numbers.
  package static func integers(_ values: [Int]) -> JSONText { .array(values.map { .integer($0) }) }

  /// A table of texts, sorted by key.
  package static func table(_ table: [String: String]) -> JSONText {
    .object(sortedPairs(table).map { ($0.key, .string($0.value)) })
  }
}
