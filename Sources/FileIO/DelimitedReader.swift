/// Reads records of fields, as RFC 4180 describes them and as other programs write them: fields
/// between delimiters, in quotes where they hold a delimiter or a line end. A quotation mark inside of
/// a field that is not quoted is a letter like any other, and empty lines are no records.
package struct DelimitedReader {
  /// What is wrong with a text, and in which line, counted from 1.
  package struct Failure: Error {
    package let line: Int
    package let reason: String

    package init(line: Int, reason: String) {
      (self.line, self.reason) = (line, reason)
    }
  }

  /// The most bytes of a field and, by default, fields of a record: more come from a file of another kind, or a
  /// quotation mark that is never closed.
  package static let fieldLimit = 65_536
  package static let fieldsLimit = 1_000

  private let text: [UInt8]
  private let delimiter: UInt8
  private let fieldsLimit: Int
  private var offset = 0
  private var nextLine = 1
  /// The line in which the last record began.
  package private(set) var line = 1

  package init(_ text: [UInt8], delimiter: UInt8, fieldsLimit: Int = Self.fieldsLimit) {
    self.text = text
    self.delimiter = delimiter
    self.fieldsLimit = fieldsLimit
  }

  /// The next record; nil at the end.
  package mutating func next() throws(Failure) -> [String]? {
    while offset < text.count {
      line = nextLine
      let fields = try record()
      if fields != [""] { return fields }
    }
    return nil
  }

  private mutating func record() throws(Failure) -> [String] {
    var fields: [String] = []
    while true {
      guard fields.count < fieldsLimit else {
        throw failure("more than \(fieldsLimit) fields")
      }
      fields.append(try field())
      guard offset < text.count else { return fields }
      let end = text[offset]
      offset += 1
      if end == delimiter { continue }
      if end == Self.carriageReturn, offset < text.count, text[offset] == Self.lineFeed {
        offset += 1
      }
      nextLine += 1
      return fields
    }
  }

  /// A field up to the delimiter or line end behind it.
  private mutating func field() throws(Failure) -> String {
    let bytes =
      offset < text.count && text[offset] == Self.quote ? try quotedField() : plainField()
    guard bytes.count <= Self.fieldLimit else { throw failure("a field of \(bytes.count) bytes") }
    guard let field = String(validating: bytes, as: UTF8.self) else {
      throw failure("a field that is not UTF-8")
    }
    return field
  }

  private mutating func plainField() -> ArraySlice<UInt8> {
    let start = offset
    while offset < text.count, !isEnd(text[offset]) { offset += 1 }
    return text[start..<offset]
  }

  private mutating func quotedField() throws(Failure) -> ArraySlice<UInt8> {
    var bytes: [UInt8] = []
    offset += 1
    while offset < text.count {
      let byte = text[offset]
      offset += 1
      if byte == Self.quote {
        guard offset < text.count, text[offset] == Self.quote else {
          guard offset == text.count || isEnd(text[offset]) else {
            throw failure("text behind a closing quotation mark")
          }
          return bytes[...]
        }
        offset += 1
      } else if byte == Self.lineFeed {
        nextLine += 1
      }
      bytes.append(byte)
      guard bytes.count <= Self.fieldLimit else { break }
    }
    throw failure("a quotation mark that is not closed within \(Self.fieldLimit) bytes")
  }

  private func isEnd(_ byte: UInt8) -> Bool {
    byte == delimiter || byte == Self.lineFeed || byte == Self.carriageReturn
  }

  private func failure(_ reason: String) -> Failure { Failure(line: line, reason: reason) }

  private static let quote = UInt8(ascii: "\"")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
}
