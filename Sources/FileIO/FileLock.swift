import Glibc

/// A lock between processes, on a file that means nothing by itself.
///
/// The system forgets the lock with the process, however that ends. It holds on one host alone where
/// the file system says so. Reading a file is enough to lock it, so the file is its owner's alone:
/// nobody else can stand in the way.
package final class FileLock: Sendable {
  /// What came of trying to lock.
  package enum Attempt: Equatable, Sendable {
    /// This value holds the lock until it goes out of use.
    case locked
    /// Another process holds it.
    case busy
    /// The file system has no locks, or failed; the system's error number.
    case failed(Int32)
  }

  private let file: FileDescriptor

  /// Opens the file `name` of `folder`, which is there; makes it where it is missing. Only
  /// ``attempt()`` tells whether this value holds the lock.
  ///
  /// - Throws: a ``FileError`` of kind `unreadable` where what stands there is another user's
  ///   and closed, or no regular file; `cannotCreate` where it cannot be made.
  package init(_ name: String, in folder: GuardedFolder) throws(FileError) {
    let parent = try folder.openFolder()
    // For reading, so that the file system may still become read-only; but NFS locks only what is
    // open for writing.
    let reading = try Self.open(name, in: folder, parent, O_RDONLY)
    let needsWriting = flock(reading.number, LOCK_EX | LOCK_NB) != 0 && errno == EBADF
    file = needsWriting ? try Self.open(name, in: folder, parent, O_RDWR) : reading
  }

  /// Tries to get the lock, without waiting.
  package func attempt() -> Attempt {
    if flock(file.number, LOCK_EX | LOCK_NB) == 0 { return .locked }
    return errno == EWOULDBLOCK || errno == EINTR ? .busy : .failed(errno)
  }

  /// Tries until the lock is there, for `timeout` at most.
  ///
  /// - Parameter whileWaiting: called several times a second with how long it has been.
  /// - Returns: what came of the last attempt.
  package func wait<Failure: Error>(
    _ timeout: Duration, whileWaiting: (Duration) throws(Failure) -> Void
  ) throws(Failure) -> Attempt {
    let begin = ContinuousClock.now
    while true {
      let result = attempt()
      let waited = ContinuousClock.now - begin
      guard result == .busy, waited < timeout else { return result }
      usleep(50_000)
      try whileWaiting(waited)
    }
  }

  private static func open(
    _ name: String, in folder: GuardedFolder, _ parent: borrowing FileDescriptor, _ access: Int32
  ) throws(FileError) -> FileDescriptor {
    if folder.facts(name, in: parent) == nil {
      let made = openat(parent.number, name, access | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      let code = errno
      if made >= 0 { return FileDescriptor(made) }
      guard code == EEXIST else {
        throw FileError(
          .cannotCreate, folder.path(name), "cannot be made: \(errorText(code))")
      }
    }
    let file = try folder.open(name, in: parent, access)
    // Earlier versions left it open for all.
    var status = stat()
    if fstat(file.number, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 != 0 {
      fchmod(file.number, 0o600)
    }
    return file
  }
}

/// Runs `work` while no other process (or thread) runs any with the same lock file.
///
/// A killed process leaves no lock behind, but one that is stopped holds on to it.
///
/// - Parameter timeout: how long to wait for the lock.
/// - Throws: a ``FileError`` if the lock cannot be had, and what `work` throws.
package func withFileLock<Result>(
  _ name: String, in folder: GuardedFolder, timeout: Duration, _ work: () throws -> Result
) throws -> Result {
  let lock = try FileLock(name, in: folder)
  switch lock.wait(timeout, whileWaiting: { _ in }) {
  case .locked: return try withExtendedLifetime(lock) { try work() }
  case .failed(let code):
    throw FileError(.cannotCreate, folder.path(name), "locking failed: \(errorText(code))")
  case .busy:
    throw FileError(
      .cannotCreate, folder.path(name),
      "another process has held the lock for \(timeout); look for one that is stopped")
  }
}
