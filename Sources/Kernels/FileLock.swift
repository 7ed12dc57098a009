internal import Glibc

/// Runs `work` while no other process (or thread) runs any with the same lock file.
///
/// The lock ends with the process that holds it, so a killed one leaves nothing behind; but one
/// that is stopped holds on to it. The lock holds on one host alone where the file system says so.
///
/// - Parameter patience: how long to wait for the lock.
/// - Throws: a ``PackedFileError`` if the lock cannot be had, and what `work` throws.
public func withFileLock<Result>(
  _ path: String, patience: Duration, _ work: () throws -> Result
) throws -> Result {
  guard let file = OpenFile(path, O_RDWR | O_CREAT) else {
    throw PackedFileError.system(path, "creating the file")
  }
  let deadline = ContinuousClock.now + patience
  while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
    guard errno == EWOULDBLOCK || errno == EINTR else {
      throw PackedFileError.system(path, "locking")
    }
    guard ContinuousClock.now < deadline else {
      throw PackedFileError(
        path, "another process has held the lock for \(patience); look for one that is stopped")
    }
    usleep(20_000)
  }
  return try work()
}

/// Makes the folder `path` and those above it, as far as they are missing.
///
/// - Throws: a ``PackedFileError``.
public func makeFolder(_ path: String) throws(PackedFileError) {
  var parent = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    parent += parent.isEmpty || parent == "/" ? String(part) : "/\(part)"
    if mkdir(parent, 0o777) == 0 || errno == EEXIST { continue }
    // A folder that is there but not ours to make gives other errors on some file systems.
    var status = stat()
    let code = errno
    if stat(parent, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR { continue }
    throw PackedFileError.system(parent, "making the folder", code: code)
  }
}
