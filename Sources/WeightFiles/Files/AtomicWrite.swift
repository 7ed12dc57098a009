internal import Glibc

/// Writes `bytes` to the file `path` so that, whatever happens, `path` is either what it was before
/// or whole.
///
/// The bytes go to a temporary file in the same folder, which is flushed to disk and renamed; then
/// the folder is flushed. After a failure the temporary file is removed. Where `path` is a link, the
/// file that it points to is replaced.
///
/// - Throws: a ``WeightFileError`` of kind `cannotCreate` if the file cannot be made in that
///   folder, or `path` is no regular file, of kind `writeFailed` if the disk is full or fails.
public func writeAtomically(_ bytes: [UInt8], to path: String) throws(WeightFileError) {
  try writeAtomically(pieces: [bytes], to: path)
}

/// Writes the concatenation of `pieces`, which need not be in memory at once.
func writeAtomically(
  pieces: some Sequence<[UInt8]>, to path: String
) throws(WeightFileError) {
  let temporary = try TemporaryFile(beside: path)
  do throws(WeightFileError) {
    for piece in pieces { try temporary.append(piece) }
    try temporary.replace()
  } catch {
    temporary.discard()
    throw error
  }
}

/// A file that takes another one's place when it is complete.
public struct TemporaryFile: Sendable {
  private let path: String
  /// Where the file is until it is complete.
  let temporaryPath: String
  private let descriptor: Int32

  /// Creates an empty file beside `path`.
  ///
  /// - Throws: as ``writeAtomically(_:to:)``.
  public init(beside path: String) throws(WeightFileError) {
    let path = try Self.target(of: path)
    let name = lastComponent(path)
    guard !name.isEmpty, name != ".", name != ".." else {
      throw WeightFileError(.cannotCreate, path, "is not the name of a file")
    }
    self.path = path
    var attempt = 0
    while true {
      let candidate = "\(folder(path))/.\(name).\(getpid()).\(attempt).tmp"
      let descriptor = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 {
        self.descriptor = descriptor
        temporaryPath = candidate
        return
      }
      let code = errno
      attempt += 1
      guard code == EEXIST, attempt < 1000 else {
        let kind: WeightFileError.Kind = code == ENOSPC ? .writeFailed : .cannotCreate
        throw WeightFileError(kind, path, "cannot be written: \(errorText(code))")
      }
    }
  }

  /// The file that `path` stands for. Whatever is there is replaced, which would be the end of a
  /// device (root may write into /dev) and of a link.
  private static func target(of path: String) throws(WeightFileError) -> String {
    var status = stat()
    var place = path
    // Links are followed one by one, because the last one may point to a file to be made.
    for _ in 0..<32 {
      guard lstat(place, &status) == 0 else { return place }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return place
      case S_IFLNK: place = linkTarget(of: place)
      case S_IFDIR: throw WeightFileError(.cannotCreate, path, "is a folder")
      default: throw WeightFileError(.cannotCreate, path, "is no regular file; name another one")
      }
    }
    throw WeightFileError(.cannotCreate, path, "cannot be written: \(errorText(ELOOP))")
  }

  private static func linkTarget(of link: String) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = max(0, readlink(link, &buffer, buffer.count - 1))
    let target = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return target.hasPrefix("/") ? target : "\(folder(link))/\(target)"
  }

  /// Appends `bytes`.
  public func append(_ bytes: [UInt8]) throws(WeightFileError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        buffer.baseAddress.map { write(descriptor, $0 + done, bytes.count - done) } ?? 0
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failed("writing") }
      done += count
    }
  }

  /// Flushes the file, closes it and renames it to its real name.
  public func replace() throws(WeightFileError) {
    guard fsync(descriptor) == 0 else { throw failed("flushing") }
    guard rename(temporaryPath, path) == 0 else { throw failed("renaming") }
    close(descriptor)
    // A folder that cannot be flushed (some network file systems) still holds the whole file.
    let folderDescriptor = open(folder(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  /// Closes and removes the file after a failure.
  public func discard() {
    close(descriptor)
    unlink(temporaryPath)
  }

  private func failed(_ doing: String) -> WeightFileError {
    let code = errno
    return WeightFileError(.writeFailed, path, "\(doing) failed: \(errorText(code))")
  }
}

/// The part of `path` after the last slash.
func lastComponent(_ path: String) -> String {
  path.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
}

/// The folder that holds `path`.
func folder(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
