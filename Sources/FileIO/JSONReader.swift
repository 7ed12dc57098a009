/// Reads JSON piece by piece, as the caller asks for it.
///
/// Nothing is built up behind the caller's back, so a hostile text costs no more memory than what
/// the caller keeps. Foundation's readers would silently keep the last of two equal keys; here the
/// caller sees both.
package struct JSONReader {
  /// What is wrong with a JSON text, and where.
  package struct Failure: Error, CustomStringConvertible {
    package let reason: String
    /// The byte of the text where reading stopped.
    package let offset: Int
    package var description: String { "\(reason) at byte \(offset)" }
  }

  /// The deepest nesting that is read.
  package static let depthLimit = 64

  private let text: [UInt8]
  private var offset = 0
  private var depth = 0
  /// How many values may still become part of a tree, each of which takes far more memory than text.
  package var valuesLeft = 200_000

  package init(_ text: [UInt8]) { self.text = text }

  /// The next byte that is no white space, or nil at the end.
  package mutating func peek() -> UInt8? {
    while offset < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[offset]) { offset += 1 }
    return offset < text.count ? text[offset] : nil
  }

  /// An error at the present offset.
  package func failure(_ reason: String) -> Failure { Failure(reason: reason, offset: offset) }

  /// Checks that nothing but white space follows.
  package mutating func finish() throws(Failure) {
    if peek() != nil { throw failure("unexpected text") }
  }

  /// Reads an object; `body` must read the value of each key.
  package mutating func object(
    _ body: (inout JSONReader, String) throws(Failure) -> Void
  ) throws(Failure) {
    try list(open: "{", close: "}") { (reader) throws(Failure) in
      let key = try reader.string()
      try reader.expect(":")
      try body(&reader, key)
    }
  }

  /// Reads an array; `body` must read each element.
  package mutating func array(_ body: (inout JSONReader) throws(Failure) -> Void) throws(Failure) {
    try list(open: "[", close: "]", body)
  }

  /// Reads a string.
  package mutating func string() throws(Failure) -> String {
    try expect("\"")
    var bytes: [UInt8] = []
    while true {
      guard offset < text.count else { throw failure("a string without an end") }
      let byte = text[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else {
          throw failure("a string that is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): try escape(into: &bytes)
      case 0..<0x20: throw failure("a control character in a string")
      default: bytes.append(byte)
      }
    }
  }

  /// Reads a whole number that is not negative.
  package mutating func wholeNumber() throws(Failure) -> Int {
    let digits = numberText()
    let isPlain = digits == "0" || (digits.first != "0" && digits.utf8.allSatisfy(isDigit))
    guard isPlain, let value = Int(digits) else { throw failure("not a whole number of 63 bits") }
    return value
  }

  /// Reads any number.
  package mutating func number() throws(Failure) -> Double {
    guard let value = Double(numberText()), value.isFinite else { throw failure("not a number") }
    return value
  }

  /// Reads `true` or `false`.
  package mutating func boolean() throws(Failure) -> Bool {
    if word("true") { return true }
    if word("false") { return false }
    throw failure("neither true nor false")
  }

  /// Reads any value and forgets it.
  package mutating func skip() throws(Failure) {
    switch peek() {
    case UInt8(ascii: "{"): try object { (reader, _) throws(Failure) in try reader.skip() }
    case UInt8(ascii: "["): try array { (reader) throws(Failure) in try reader.skip() }
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try boolean()
    case UInt8(ascii: "n"): guard word("null") else { throw failure("not a value") }
    default: _ = try number()
    }
  }

  private mutating func list(
    open: Character, close: Character, _ element: (inout JSONReader) throws(Failure) -> Void
  ) throws(Failure) {
    try expect(open)
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthLimit { throw failure("nested too deeply") }
    if peek() == close.asciiValue {
      offset += 1
      return
    }
    while true {
      try element(&self)
      if peek() == close.asciiValue {
        offset += 1
        return
      }
      try expect(",")
    }
  }

  private mutating func expect(_ character: Character) throws(Failure) {
    guard peek() == character.asciiValue else { throw failure("\"\(character)\" expected") }
    offset += 1
  }

  private mutating func word(_ word: String) -> Bool {
    _ = peek()
    guard text[offset...].starts(with: word.utf8) else { return false }
    offset += word.utf8.count
    return true
  }

  private mutating func numberText() -> String {
    _ = peek()
    let start = offset
    while offset < text.count, isDigit(text[offset]) || "+-.eE".utf8.contains(text[offset]) {
      offset += 1
    }
    return String(decoding: text[start..<offset], as: UTF8.self)
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(Failure) {
    guard offset < text.count else { throw failure("a string without an end") }
    let byte = text[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"): bytes.append(contentsOf: String(try escapedScalar()).utf8)
    default: throw failure("an unknown escape")
    }
  }

  /// The character of `\uXXXX`, whose second half follows if it is a surrogate.
  private mutating func escapedScalar() throws(Failure) -> Unicode.Scalar {
    let unit = try hexadecimal()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, text[offset...].starts(with: "\\u".utf8) else {
      throw failure("half a character")
    }
    offset += 2
    let low = try hexadecimal()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
    else { throw failure("half a character") }
    return scalar
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    guard text.count - offset >= 4 else { throw failure("an escape without an end") }
    let digits = String(decoding: text[offset..<offset + 4], as: UTF8.self)
    guard digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), let unit = UInt32(digits, radix: 16)
    else { throw failure("an unknown escape") }
    offset += 4
    return unit
  }
}

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

/// `text` as a JSON string, with its quotes.
package func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case _ where scalar.value < 0x20:
      result += "\\u" + padded(scalar.value, digits: 4, radix: 16)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

/// The pairs of a JSON object whose values are all texts.
package func textTable(
  _ json: [UInt8], path: String, what: String
) throws(FileError) -> [String: String] {
  do throws(JSONReader.Failure) {
    var reader = JSONReader(json)
    var table: [String: String] = [:]
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      table[key] = try reader.string()
    }
    try reader.finish()
    return table
  } catch {
    throw FileError(.damaged, path, "the \(what) is damaged: \(error)")
  }
}
