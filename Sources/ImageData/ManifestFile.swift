import FileIO

/// A table of images: CSV, TSV or JSON lines.
///
/// The columns `path` and, for labelled images, `label`; optional are `part` (train, validation or
/// test), `group` and `sha256`. Others are passed over, and so is an empty field.
package struct ManifestFile: Sendable {
  /// The file, for messages.
  package let path: String
  /// The rows in the order of the file.
  package let rows: [Row]

  /// One image.
  package struct Row: Equatable, Sendable {
    /// The line of the file in which it begins, from 1.
    package let line: Int
    /// Relative to the table's folder, or from the root of the file system on.
    package let path: String
    package let label: String?
    package let part: Part?
    /// What must not be torn apart: the same patient, the same video.
    package let group: String?
    /// The SHA-256 of the file's content, in lower-case hexadecimal digits.
    package let digest: String?
  }

  /// The most bytes and rows that are read.
  static let byteLimit = 1 << 30
  static let rowLimit = 10_000_000
  /// Linux' limit of a path, and a limit of labels and groups that pages and models can bear.
  private static let pathLimit = 4096
  private static let wordLimit = 255

  /// Reads the file at `path`.
  ///
  /// - Throws: ``DatasetError`` where it cannot be read or is no such table, with the line.
  package init(path: String) throws(DatasetError) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try readFile(path, limit: Self.byteLimit)
    } catch {
      throw DatasetError(error.kind == .missing ? .missing : .invalid, "\(error)")
    }
    try self.init(bytes, path: path)
  }

  /// Reads a table in memory. What it is follows from its beginning: JSON lines from a brace; else
  /// the first line names the columns, and tells whether tabs, semicolons or commas are between them.
  package init(_ bytes: [UInt8], path: String) throws(DatasetError) {
    self.path = path
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    let first = text.first { !" \t\r\n".utf8.contains($0) }
    do throws(DelimitedReader.Failure) {
      rows = try first == UInt8(ascii: "{") ? Self.objects(text) : Self.records(text)
    } catch {
      throw DatasetError(.invalid, "\(path), line \(error.line): \(error.reason)")
    }
  }
}

// MARK: - Tables

extension ManifestFile {
  private enum Column: String, CaseIterable { case path, label, part, group, sha256 }

  private static func records(_ text: [UInt8]) throws(DelimitedReader.Failure) -> [Row] {
    let header = text.prefix { $0 != UInt8(ascii: "\n") }
    let delimiter =
      [UInt8(ascii: "\t"), UInt8(ascii: ";")].first { header.contains($0) } ?? UInt8(ascii: ",")
    var reader = DelimitedReader(text, delimiter: delimiter)
    guard let names = try reader.next() else {
      throw DelimitedReader.Failure(line: 1, reason: "the file is empty")
    }
    var columns: [Int: Column] = [:]
    for (index, name) in names.enumerated() {
      guard let column = Column(rawValue: name) else { continue }
      guard !columns.values.contains(column) else {
        throw DelimitedReader.Failure(line: reader.line, reason: "two columns '\(name)'")
      }
      columns[index] = column
    }
    guard columns.values.contains(.path) else {
      let found = names.prefix(8).map { quoted($0) }.joined(separator: ", ")
      throw DelimitedReader.Failure(
        line: reader.line,
        reason:
          "no column 'path' among \(found); the first line names the columns: path, label and, "
          + "where you have them, part, group, sha256")
    }
    var rows: [Row] = []
    while let fields = try reader.next() {
      guard fields.count == names.count else {
        throw DelimitedReader.Failure(
          line: reader.line, reason: "\(fields.count) fields; the first line has \(names.count)")
      }
      var values: [Column: String] = [:]
      for (index, column) in columns where !fields[index].isEmpty {
        values[column] = fields[index]
      }
      try add(values, line: reader.line, to: &rows)
    }
    return rows
  }

  private static func objects(_ text: [UInt8]) throws(DelimitedReader.Failure) -> [Row] {
    var rows: [Row] = []
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      guard line.contains(where: { !" \t\r".utf8.contains($0) }) else { continue }
      let values: [Column: String]
      do throws(JSONReader.Failure) {
        values = try object(Array(line))
      } catch {
        throw DelimitedReader.Failure(line: index + 1, reason: "\(error)")
      }
      try add(values, line: index + 1, to: &rows)
    }
    return rows
  }

  private static func object(_ line: [UInt8]) throws(JSONReader.Failure) -> [Column: String] {
    var reader = JSONReader(line)
    var values: [Column: String] = [:]
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      guard let column = Column(rawValue: key) else { return try reader.skip() }
      guard values[column] == nil else { throw reader.failure("\"\(key)\" twice") }
      switch reader.peek() {
      case UInt8(ascii: "\""):
        let text = try reader.string()
        if !text.isEmpty { values[column] = text }
      case UInt8(ascii: "n"): try reader.skip()
      case _ where column == .label || column == .group:
        values[column] = "\(try reader.wholeNumber())"
      default: throw reader.failure("\"\(key)\" must be a text")
      }
    }
    try reader.finish()
    return values
  }

  /// Checks a row and takes it.
  private static func add(
    _ values: [Column: String], line: Int, to rows: inout [Row]
  ) throws(DelimitedReader.Failure) {
    func refused(_ reason: String) -> DelimitedReader.Failure {
      DelimitedReader.Failure(line: line, reason: reason)
    }
    guard rows.count < rowLimit else { throw refused("more than \(rowLimit) images") }
    guard let path = values[.path] else { throw refused("no path") }
    guard path.utf8.count <= pathLimit else {
      throw refused("a path of \(path.utf8.count) bytes; at most \(pathLimit) are possible")
    }
    for (column, value) in values {
      guard !value.utf8.contains(0) else { throw refused("a zero byte in \(column.rawValue)") }
      guard column == .path || value.utf8.count <= wordLimit else {
        throw refused(
          "\(column.rawValue) has \(value.utf8.count) bytes; at most \(wordLimit) may be")
      }
    }
    let part = values[.part].map { (word: $0, part: Part(name: $0)) }
    if let part, part.part == nil {
      throw refused("the part \(quoted(part.word)) is none of train, validation and test")
    }
    let digest = values[.sha256]?.lowercased()
    if let digest, digest.utf8.count != 64 || !digest.utf8.allSatisfy(isHexadecimal) {
      throw refused("sha256 is not 64 hexadecimal digits")
    }
    rows.append(
      Row(
        line: line, path: path, label: values[.label], part: part?.part, group: values[.group],
        digest: digest))
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
  }
}
