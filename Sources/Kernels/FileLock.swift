internal import Glibc

/// Runs `work` while no other process (or thread) runs any with the same lock file.
///
/// The lock ends with the process that holds it, so a killed one leaves nothing behind.
///
/// - Throws: a ``PackedFileError`` if the lock cannot be had, and what `work` throws.
public func withFileLock<Result>(_ path: String, _ work: () throws -> Result) throws -> Result {
  guard let file = OpenFile(path, O_RDWR | O_CREAT) else {
    throw PackedFileError.system(path, "creating the file")
  }
  while flock(file.descriptor, LOCK_EX) != 0 {
    guard errno == EINTR else { throw PackedFileError.system(path, "locking") }
  }
  return try work()
}

/// Makes the folder `path` and those above it, as far as they are missing.
///
/// - Throws: a ``PackedFileError``.
public func makeFolder(_ path: String) throws(PackedFileError) {
  var parent = ""
  for part in path.split(separator: "/", omittingEmptySubsequences: false) {
    parent += parent.isEmpty && !path.hasPrefix("/") ? String(part) : "/\(part)"
    if part.isEmpty || mkdir(parent, 0o777) == 0 || errno == EEXIST { continue }
    // A folder that is there but not ours to make gives other errors on some file systems.
    var status = stat()
    let code = errno
    if stat(parent, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR { continue }
    throw PackedFileError.system(path, "making the folder", code: code)
  }
}
