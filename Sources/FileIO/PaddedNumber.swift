/// `value` with zeros in front, so that there are at least `digits` digits.
package func padded(_ value: some BinaryInteger, digits: Int, radix: Int = 10) -> String {
  let text = String(value, radix: radix)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
