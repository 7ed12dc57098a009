import Glibc

/// A folder that may be a stranger's work: nothing in it is reached through a link, and what is
/// read, replaced, appended to or locked there is a regular file.
///
/// The user named the folder, so links on the way to it are followed. Whatever is done in it is done
/// relative to its descriptor.
package struct GuardedFolder: Sendable {
  /// Whose folders and files are used.
  package enum Trust: Sendable {
    /// Anybody's: what is read is checked by whoever reads it.
    case anybody
    /// Those that nobody but this process's user and root can have written. What is made here can
    /// be written by its owner alone.
    case ownerOnly
  }

  /// The folder, as messages name it.
  package let path: String
  private let root: String
  private let inner: String?
  private let trust: Trust

  /// The folder `path`, which need not be there yet.
  package init(path: String, trust: Trust = .anybody) {
    self.init(path, inner: nil, trust)
  }

  /// The folder `path`, which must not be a link itself; those on the way to it are followed.
  package init(inParent path: String) {
    self.init(FileIO.folder(path), inner: lastComponent(path), .anybody)
  }

  private init(_ root: String, inner: String?, _ trust: Trust) {
    path = inner.map { "\(root)/\($0)" } ?? root
    self.root = root
    self.inner = inner
    self.trust = trust
  }

  /// The folder `name` of this one, which must not be a link either.
  ///
  /// - Precondition: this folder is not itself one inside another.
  package func folder(_ name: String) -> GuardedFolder {
    precondition(inner == nil)
    return GuardedFolder(root, inner: name, trust)
  }

  /// The path of `name`, for messages.
  package func path(_ name: String) -> String { "\(path)/\(name)" }
}

extension GuardedFolder {
  /// Makes the folder and those above it, as far as they are missing.
  package func create() throws(FileError) {
    let mode: mode_t = trust == .ownerOnly ? 0o755 : 0o777
    try makeRoot(mode)
    if let inner {
      let outer = try GuardedFolder(path: root, trust: trust).openFolder()
      let code = mkdirat(outer.number, inner, mode) == 0 ? 0 : errno
      if facts(inner, in: outer) == nil { throw Self.notMade(path, code) }
    }
    _ = try openFolder()
  }

  private func makeRoot(_ mode: mode_t) throws(FileError) {
    var parent = root.hasPrefix("/") ? "/" : ""
    for part in root.split(separator: "/") {
      parent += parent.isEmpty || parent == "/" ? String(part) : "/\(part)"
      if mkdir(parent, mode) == 0 || errno == EEXIST { continue }
      // A folder that is there but not ours to make gives other errors on some file systems.
      var status = stat()
      let code = errno
      if stat(parent, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR { continue }
      throw Self.notMade(parent, code)
    }
  }

  private static func notMade(_ path: String, _ code: Int32) -> FileError {
    FileError(.cannotCreate, path, "the folder cannot be made: \(errorText(code))")
  }

  /// Who besides this process's user and root may have written the folder, or the file `name` in
  /// it, in words; nil for nobody. The user's own group counts as the user, because where new files
  /// are open to it that is how the user set up the account.
  package func strangers(_ name: String? = nil) -> String? {
    guard let folder = try? openFolder() else { return "it cannot be opened" }
    guard let status = facts(name ?? ".", in: folder) else { return "it is not there" }
    return Ownership.objection(to: status, allowing: getegid())
  }

  /// O_PATH, which Swift does not see: a descriptor to start from, that asks for no permission to
  /// list the folder.
  private static let pathOnly: Int32 = 0o10_000_000

  /// Opens the folder itself, for the calls that work relative to a folder.
  package func openFolder() throws(FileError) -> FileDescriptor {
    let flags = Self.pathOnly | O_DIRECTORY | O_CLOEXEC
    let outer = FileDescriptor(Glibc.open(root, flags))
    guard outer.isOpen else { throw Self.failure(root, errno) }
    try checkTrust(of: outer, named: root)
    guard let inner else { return outer }
    let folder = FileDescriptor(openat(outer.number, inner, flags | O_NOFOLLOW))
    guard folder.isOpen else {
      let code = errno
      guard let status = facts(inner, in: outer) else { throw Self.failure(path, code) }
      throw FileError(.unreadable, path, Self.refusal(status, isFolder: true))
    }
    try checkTrust(of: folder, named: path)
    return folder
  }

  /// Opens the regular file `name` of `folder` without following a link or waiting for the other
  /// end of a pipe.
  package func open(
    _ name: String, in folder: borrowing FileDescriptor, _ flags: Int32, mode: mode_t = 0o666
  ) throws(FileError) -> FileDescriptor {
    let careful = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    let file = FileDescriptor(openat(folder.number, name, flags | careful, mode))
    let code = errno
    var status = stat()
    if file.isOpen, fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
      return file
    }
    guard let found = facts(name, in: folder) else { throw Self.failure(path(name), code) }
    throw FileError(
      .unreadable, path(name),
      found.st_mode & S_IFMT == S_IFREG
        ? "cannot be opened: \(errorText(code))" : Self.refusal(found, isFolder: false))
  }

  /// What stands under `name` in `folder`, "." for the folder itself; nil for nothing.
  package func facts(_ name: String, in folder: borrowing FileDescriptor) -> stat? {
    var status = stat()
    return fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status : nil
  }

  /// The mode that a new file gets, before the user's mask.
  package var fileMode: mode_t { trust == .ownerOnly ? 0o644 : 0o666 }

  /// The bits of its mode that a file retains when it is replaced.
  package var retainedMode: mode_t { trust == .ownerOnly ? 0o755 : 0o777 }

  package func checkTrust(
    of file: borrowing FileDescriptor, named path: String
  ) throws(FileError) {
    var status = stat()
    guard trust == .ownerOnly, fstat(file.number, &status) == 0 else { return }
    if let objection = Ownership.objection(to: status) {
      throw FileError(.unreadable, path, "is not trusted: \(objection)")
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> FileError {
    code == ENOENT || code == ENOTDIR
      ? FileError(.missing, path, "there is no such file or folder")
      : FileError(.unreadable, path, "cannot be opened: \(errorText(code))")
  }

  /// Why what stands there is not used.
  package static func refusal(_ status: stat, isFolder: Bool) -> String {
    switch status.st_mode & S_IFMT {
    case S_IFLNK: "is a link, and here links are not followed; put there what it points to"
    case S_IFDIR: "is a folder"
    default: isFolder ? "is no folder" : "is no regular file"
    }
  }
}
