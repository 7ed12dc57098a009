import Glibc

/// Writes `bytes` to the file `path` so that, whatever happens, `path` is either what it was before
/// or whole.
///
/// The bytes go to a temporary file in the same folder, which is flushed to disk and renamed; then
/// the folder is flushed. After a failure the temporary file is removed. Where `path` is a link, the
/// file that it points to is replaced. A file of this user keeps its mode.
///
/// - Throws: a ``FileError`` of kind `cannotCreate` if the file cannot be made in that
///   folder, or `path` is no regular file, of kind `writeFailed` if the disk is full or fails.
package func writeAtomically(_ bytes: [UInt8], to path: String) throws(FileError) {
  try writeAtomically(pieces: [bytes], to: path)
}

/// Writes the concatenation of `pieces`, which need not be in memory at once.
package func writeAtomically(
  pieces: some Sequence<[UInt8]>, to path: String
) throws(FileError) {
  try TemporaryFile(beside: path).complete { file throws(FileError) in
    for piece in pieces { try file.append(piece) }
  }
}

/// The system calls whose order decides what is left after a crash; each gives 0, or -1 and `errno`.
package struct DurableCalls {
  /// Puts what a descriptor's file or folder holds on the disk.
  package var flush: (_ descriptor: Int32) -> Int32 = { fsync($0) }
  /// Renames a file within a folder.
  package var rename: (_ folder: Int32, _ old: String, _ new: String) -> Int32 = {
    renameat($0, $1, $0, $2)
  }

  /// Those of the system.
  package init() {}
}

/// A file that replaces another one when it is complete.
package final class TemporaryFile: Sendable {
  private let path: String
  private let name: String
  private let temporaryName: String
  /// Where the file is until it is complete.
  package let temporaryPath: String
  /// The folder, for what follows: it may be renamed meanwhile.
  private let parent: FileDescriptor
  /// The file, for reading and writing.
  package let descriptor: FileDescriptor

  /// Creates an empty file beside `path`, or beside the file that it is a link to.
  ///
  /// - Throws: as ``writeAtomically(_:to:)``.
  package convenience init(beside path: String) throws(FileError) {
    let path = try Self.target(of: path)
    try self.init(
      in: GuardedFolder(path: FileIO.folder(path)), lastComponent(path), of: path)
  }

  /// Creates an empty file in `folder` that becomes `name`, which must not be a link.
  ///
  /// - Parameters:
  ///   - temporary: what it is called meanwhile; by default a name that is free.
  ///   - path: what messages call it.
  package init(
    in guarded: GuardedFolder, _ name: String, _ temporary: String? = nil, of path: String? = nil
  ) throws(FileError) {
    let path = path ?? guarded.path(name)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw FileError(.cannotCreate, path, "is not the name of a file")
    }
    let folder: FileDescriptor
    do throws(FileError) {
      folder = try guarded.openFolder()
    } catch {
      throw FileError(.cannotCreate, path, "cannot be written: \(error)")
    }
    try guarded.check(name, in: folder)
    var candidate = temporary ?? ".\(name).\(getpid()).0.tmp"
    var attempt = 0
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    var file = FileDescriptor(openat(folder.number, candidate, flags, guarded.fileMode))
    while !file.isOpen {
      let code = errno
      attempt += 1
      guard code == EEXIST, attempt < 1000, temporary == nil else {
        let kind: FileError.Kind = code == ENOSPC ? .writeFailed : .cannotCreate
        throw FileError(kind, path, "cannot be written: \(errorText(code))")
      }
      candidate = ".\(name).\(getpid()).\(attempt).tmp"
      file = FileDescriptor(openat(folder.number, candidate, flags, guarded.fileMode))
    }
    // One that was closed to others stays so.
    if let old = guarded.facts(name, in: folder), old.st_uid == geteuid() {
      fchmod(file.number, old.st_mode & guarded.retainedMode)
    }
    self.path = path
    self.name = name
    temporaryName = candidate
    temporaryPath = guarded.path(candidate)
    descriptor = file
    parent = folder
  }

  /// Fills the file and renames it to its path, or removes it if either fails.
  package func complete(
    isFlushed: Bool = true, _ calls: DurableCalls = DurableCalls(),
    _ fill: (TemporaryFile) throws(FileError) -> Void
  ) throws(FileError) {
    do throws(FileError) {
      try fill(self)
      try replace(isFlushed: isFlushed, calls)
    } catch {
      discard()
      throw error
    }
  }

  /// The file that `path` stands for. Whatever is there is replaced, which would be the end of a
  /// device (root may write into /dev) and of a link.
  private static func target(of path: String) throws(FileError) -> String {
    var status = stat()
    var target = path
    // Links are followed one by one, because the last one may point to a file to be made.
    for _ in 0..<32 {
      guard lstat(target, &status) == 0 else { return target }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return target
      case S_IFLNK: target = linkTarget(of: target)
      case S_IFDIR: throw FileError(.cannotCreate, path, "is a folder")
      default: throw FileError(.cannotCreate, path, "is no regular file; name another one")
      }
    }
    throw FileError(.cannotCreate, path, "cannot be written: \(errorText(ELOOP))")
  }

  private static func linkTarget(of link: String) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = max(0, readlink(link, &buffer, buffer.count - 1))
    let target = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return target.hasPrefix("/") ? target : "\(FileIO.folder(link))/\(target)"
  }

  /// Appends `bytes`.
  package func append(_ bytes: [UInt8]) throws(FileError) {
    try FileIO.append(bytes, to: descriptor, path)
  }

  /// Flushes the file and renames it to its real name.
  ///
  /// - Parameter isFlushed: false where a file that a crash of the system tears is noticed by its
  ///   reader.
  package func replace(
    isFlushed: Bool = true, _ calls: DurableCalls = DurableCalls()
  ) throws(FileError) {
    guard !isFlushed || calls.flush(descriptor.number) == 0 else { throw failed("flushing") }
    guard calls.rename(parent.number, temporaryName, name) == 0 else { throw failed("renaming") }
    guard isFlushed else { return }
    // A folder that cannot be flushed (some network file systems) still holds the whole file.
    let folder = FileDescriptor(openat(parent.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    if folder.isOpen { _ = calls.flush(folder.number) }
  }

  /// Removes the file after a failure.
  package func discard() { unlinkat(parent.number, temporaryName, 0) }

  private func failed(_ doing: String) -> FileError {
    let code = errno
    return FileError(.writeFailed, path, "\(doing) failed: \(errorText(code))")
  }
}

/// Writes all of `bytes`; `path` is what messages call the file.
func append(
  _ bytes: [UInt8], to file: borrowing FileDescriptor, _ path: String
) throws(FileError) {
  let code = writeAll(bytes, to: file.number)
  if code != 0 { throw FileError(.writeFailed, path, "writing failed: \(errorText(code))") }
}

/// The part of `path` after the last slash.
package func lastComponent(_ path: String) -> String {
  path.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
}

/// The folder that holds `path`.
package func folder(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
