import Glibc

extension GuardedFolder {
  /// Opens the file `name` for reading.
  ///
  /// - Throws: a ``FileError`` of kind `missingFile`, or `unreadable` for everything that is
  ///   no regular file or, with ``Trust/ownerOnly``, may be written by others.
  package func openFile(_ name: String) throws(FileError) -> FileDescriptor {
    let folder = try openFolder()
    let file = try open(name, in: folder, O_RDONLY)
    try checkTrust(of: file, named: path(name))
    return file
  }

  /// The bytes of the file `name`.
  ///
  /// - Throws: what ``openFile(_:)`` throws, and an error where it has more than `limit` bytes.
  package func read(_ name: String, limit: Int) throws(FileError) -> [UInt8] {
    try ByteSource(in: self, name).all(limit: limit)
  }

  /// Calls `body` with each line of the file `name`, without its end; the file is not in memory as
  /// a whole. Lines of more than 64 MiB are passed over.
  ///
  /// - Throws: what ``read(_:limit:)`` throws.
  package func forEachLine(
    of name: String, limit: Int, _ body: ([UInt8]) -> Void
  ) throws(FileError) {
    let source = try ByteSource(in: self, name)
    try source.checkSize(limit)
    var line: [UInt8] = []
    var isTooLong = false
    func end() {
      if !isTooLong { body(line) }
      line.removeAll(keepingCapacity: true)
      isTooLong = false
    }
    try source.forEachPiece(0..<source.count) { piece throws(FileError) in
      var rest = piece[...]
      while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
        line += rest[..<newline]
        end()
        rest = rest[(newline + 1)...]
      }
      line += rest
      isTooLong = isTooLong || line.count > 64 << 20
      if isTooLong { line.removeAll() }
    }
    if !line.isEmpty { end() }
  }

  /// Writes `bytes` to the file `name` as ``writeAtomically(_:to:)`` does, without following links.
  ///
  /// - Parameter isFlushed: false where a file that a crash of the system has torn is noticed by
  ///   whoever reads it.
  package func write(
    _ bytes: [UInt8], to name: String, isFlushed: Bool = true
  ) throws(FileError) {
    try TemporaryFile(in: self, name).complete(isFlushed: isFlushed) {
      file throws(FileError) in
      try file.append(bytes)
    }
  }

  /// Lets `fill` write the file `name`, which appears when it is whole. Until then it is called
  /// `temporary`.
  ///
  /// - Parameter fill: gets a descriptor for reading and writing.
  package func replace(
    _ name: String, through temporary: String, _ fill: (borrowing FileDescriptor) throws -> Void
  ) throws {
    let file = try TemporaryFile(in: self, name, temporary)
    do {
      try fill(file.descriptor)
      try file.replace()
    } catch {
      file.discard()
      throw error
    }
  }

  /// Appends `bytes` to the file `name`, which is made where it is missing; all of them or none.
  package func append(_ bytes: [UInt8], to name: String) throws(FileError) {
    let folder = try openFolder()
    let file = try open(name, in: folder, O_WRONLY | O_APPEND | O_CREAT)
    var status = stat()
    let end = fstat(file.number, &status) == 0 ? status.st_size : 0
    do throws(FileError) {
      try FileIO.append(bytes, to: file, path(name))
    } catch {
      // On a full disk a part may have been written, to which the next line would be added.
      ftruncate(file.number, end)
      throw error
    }
  }

  /// Removes the file or link `name`, if it is there.
  package func remove(_ name: String) {
    if let folder = try? openFolder() { unlinkat(folder.number, name, 0) }
  }

  /// Refuses what stands under `name` unless it is a regular file, or with `isFolder` a folder; that
  /// nothing stands there is fine.
  package func check(_ name: String, isFolder: Bool = false) throws(FileError) {
    try check(name, in: try openFolder(), isFolder: isFolder)
  }

  package func check(
    _ name: String, in folder: borrowing FileDescriptor, isFolder: Bool = false
  ) throws(FileError) {
    guard let status = facts(name, in: folder) else { return }
    guard status.st_mode & S_IFMT == (isFolder ? S_IFDIR : S_IFREG) else {
      throw FileError(
        isFolder ? .unreadable : .cannotCreate, path(name),
        Self.refusal(status, isFolder: isFolder))
    }
  }
}
