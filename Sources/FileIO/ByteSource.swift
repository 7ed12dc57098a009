import Glibc

/// Bytes at any offset: a file or an array.
///
/// Files are read with `pread` and not mapped: a file that shrinks meanwhile gives an error
/// instead of a signal, and memory holds each tensor once and not a second time as pages of the file.
package struct ByteSource: Sendable {
  private enum Storage: Sendable {
    case file(OpenFile)
    case memory([UInt8])
  }

  /// The file, or what messages call the array.
  package let path: String
  /// The length in bytes.
  package let count: Int
  private let storage: Storage
  /// Where byte 0 of this source lies in `storage`.
  private let start: Int

  /// Opens the file at `path`.
  package init(path: String) throws(FileError) {
    self.init(try OpenFile(path: path))
  }

  /// Opens the file `name` of a folder whose links are not followed.
  package init(in folder: GuardedFolder, _ name: String) throws(FileError) {
    self.init(try OpenFile(path: folder.path(name), folder.openFile(name)))
  }

  private init(_ file: OpenFile) {
    path = file.path
    count = file.count
    storage = .file(file)
    start = 0
  }

  /// Wraps bytes that are in memory; `path` is what messages call them.
  package init(_ bytes: [UInt8], path: String) {
    self.path = path
    count = bytes.count
    storage = .memory(bytes)
    start = 0
  }

  private init(_ whole: ByteSource, _ range: Range<Int>) {
    path = whole.path
    storage = whole.storage
    start = whole.start + range.lowerBound
    count = range.count
  }

  /// The bytes in `range` as a source of their own: a file inside an archive.
  package func part(_ range: Range<Int>) throws(FileError) -> ByteSource {
    try check(range.lowerBound, range.count)
    return ByteSource(self, range)
  }

  /// Whether the bytes at `offset` are `expected`; false where the source ends before.
  package func has(_ expected: some Collection<UInt8>, at offset: Int) throws(FileError)
    -> Bool
  {
    guard offset <= count - expected.count else { return false }
    return try bytes(at: offset, count: expected.count).elementsEqual(expected)
  }

  /// All bytes, of which there must not be more than `limit`.
  package func all(limit: Int) throws(FileError) -> [UInt8] {
    try checkSize(limit)
    return try bytes(at: 0, count: count)
  }

  /// Refuses a source of more than `limit` bytes.
  package func checkSize(_ limit: Int) throws(FileError) {
    guard count <= limit else {
      throw FileError(
        .unsupported, path, "has \(count) bytes, more than the limit of \(limit)")
    }
  }

  /// The bytes at `offset` ..< `offset + count`.
  package func bytes(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
    try elements(of: UInt8.self, at: offset, count: count)
  }

  /// `count` elements of a type without padding, stored from byte `offset` on in the order of this
  /// machine.
  package func elements<Element: BitwiseCopyable>(
    of type: Element.Type, at offset: Int, count: Int
  ) throws(FileError) -> [Element] {
    let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard count >= 0, !overflow else { throw outside() }
    try check(offset, size)
    // An array of no room is one that all threads share, and filling it would write to it.
    guard count > 0 else { return [] }
    var failure: FileError?
    let elements = [Element](unsafeUninitializedCapacity: count) { buffer, initialised in
      let raw = UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(buffer.baseAddress), count: size)
      do throws(FileError) {
        try copy(to: raw, at: offset)
        initialised = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return elements
  }

  /// Calls `body` with consecutive pieces of at most 1 MiB of the bytes in `range`.
  package func forEachPiece(
    _ range: Range<Int>, _ body: ([UInt8]) throws(FileError) -> Void
  ) throws(FileError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let size = min(1 << 20, range.upperBound - offset)
      try body(bytes(at: offset, count: size))
      offset += size
    }
  }

  private func check(_ offset: Int, _ size: Int) throws(FileError) {
    guard offset >= 0, size >= 0, size <= count, offset <= count - size else { throw outside() }
  }

  private func outside() -> FileError {
    FileError(.damaged, path, "the file ends before the data that it announces")
  }

  private func copy(
    to buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(FileError) {
    switch storage {
    case .file(let file): try file.read(into: buffer, at: start + offset)
    case .memory(let bytes):
      buffer.copyBytes(from: bytes[start + offset..<start + offset + buffer.count])
    }
  }
}

/// The bytes of the file at `path`, which must be a regular file of at most `limit` bytes; links are
/// followed.
///
/// - Throws: a ``FileError``.
package func readFile(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
  try ByteSource(path: path).all(limit: limit)
}

/// A regular file that is open for reading.
private final class OpenFile: Sendable {
  let path: String
  let count: Int
  private let file: FileDescriptor

  convenience init(path: String) throws(FileError) {
    let file = FileDescriptor.reading(path)
    guard file.isOpen else { throw Self.cannotOpen(path, errno) }
    try self.init(path: path, file)
  }

  init(path: String, _ file: consuming FileDescriptor) throws(FileError) {
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw FileError(
        .unreadable, path, isFolder ? "is a folder, not a file" : "is not a regular file")
    }
    self.path = path
    self.file = file
    count = Int(status.st_size)
  }

  /// Fills `buffer` from byte `offset` on.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) {
    guard let count = file.read(into: buffer, at: offset) else {
      throw FileError(.unreadable, path, "cannot be read: \(errorText(errno))")
    }
    guard count == buffer.count else {
      throw FileError(.damaged, path, "became shorter while it was read")
    }
  }

  private static func cannotOpen(_ path: String, _ code: Int32) -> FileError {
    guard code == ENOENT || code == ENOTDIR else {
      return FileError(.unreadable, path, "cannot be opened: \(errorText(code))")
    }
    // This character stands where bytes of a name could not be read as text.
    if path.unicodeScalars.contains("\u{FFFD}") {
      return FileError(
        .unreadable, path,
        "has a name that is not UTF-8, or is not there; give it a name in UTF-8 (`mv` renames it)")
    }
    return FileError(.missing, path, "there is no such file")
  }
}

/// What the system says about an error number.
package func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Whether `path` is a folder, links followed; nil where there is nothing.
package func isFolder(_ path: String) -> Bool? {
  var status = stat()
  guard stat(path, &status) == 0 else { return nil }
  return status.st_mode & S_IFMT == S_IFDIR
}
