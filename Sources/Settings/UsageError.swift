/// A wrong command line; the text says what is wrong and, where it can, what was meant.
package struct UsageError: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

extension UsageError {
  /// "Unknown option '--epoch'. Did you mean '--epochs'?"
  package static func unknown(_ kind: String, _ word: String, among known: [String]) -> UsageError {
    let nearest = known.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    guard let nearest, nearest.1 <= max(2, word.count / 3) else {
      return UsageError("Unknown \(kind) '\(word)'.")
    }
    return UsageError("Unknown \(kind) '\(word)'. Did you mean '\(nearest.0)'?")
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
