import Foundation

extension JSONEncoder {
  /// Keys sorted and slashes as they are, so that equal values give equal and readable bytes.
  package static var sorted: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}

/// A value of ours as a line of JSON for other programs: keys sorted, in snake case, and nothing in it
/// that acts on a terminal.
///
/// - Precondition: no number in it is infinite or NaN, which JSON has no words for.
package func jsonLine(_ value: some Encodable) -> String {
  let encoder = JSONEncoder.sorted
  encoder.keyEncodingStrategy = .convertToSnakeCase
  do {
    return visibleJSON(String(decoding: try encoder.encode(value), as: UTF8.self))
  } catch {
    preconditionFailure("a value that JSON cannot hold: \(error)")
  }
}
