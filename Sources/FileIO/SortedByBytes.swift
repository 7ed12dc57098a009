/// The names in the order of their UTF-8 bytes, which no locale or Unicode version changes.
package func sortedByBytes(_ names: some Sequence<String>) -> [String] {
  names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
