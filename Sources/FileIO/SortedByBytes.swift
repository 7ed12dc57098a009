/// The names in the order of their UTF-8 bytes, which no locale or Unicode version changes.
package func sortedByBytes(_ names: some Sequence<String>) -> [String] {
  names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// The entries of a table in the order of their keys' UTF-8 bytes.
package func sortedPairs<Value>(_ table: [String: Value]) -> [(key: String, value: Value)] {
  table.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
}
