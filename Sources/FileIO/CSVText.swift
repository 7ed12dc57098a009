/// `fields` as a record of RFC 4180, with its line end. A field stands in quotes where it holds one,
/// a comma or a line end, or where spaces at its ends would get lost.
package func csvRecord(_ fields: [String]) -> String {
  fields.map(csvField).joined(separator: ",") + "\r\n"
}

private func csvField(_ text: String) -> String {
  let isPlain =
    !text.utf8.contains { "\",\r\n".utf8.contains($0) } && !text.hasPrefix(" ")
    && !text.hasSuffix(" ")
  guard !isPlain else { return text }
  var quoted = "\""
  // Scalars, as a quotation mark with an accent on it is one character.
  for scalar in text.unicodeScalars {
    if scalar == "\"" { quoted += "\"" }
    quoted.unicodeScalars.append(scalar)
  }
  return quoted + "\""
}
