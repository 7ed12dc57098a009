import Foundation

/// What the file system says about a path, after following symbolic links.
struct FileFacts {
  enum Kind { case file, folder, other }

  let kind: Kind
  let bytes: Int
  /// Two paths with the same identity are the same file or folder.
  let identity: Identity

  struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// The facts, or an error that carries the system's reason.
  init(path: String) throws(SystemReason) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw SystemReason(errno) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .file
    case S_IFDIR: kind = .folder
    default: kind = .other
    }
    bytes = Int(status.st_size)
    identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// The system's reason for refusing a file operation.
struct SystemReason: Error, CustomStringConvertible {
  let code: Int32
  var description: String { String(cString: strerror(code)) }

  init(_ code: Int32) { self.code = code }

  /// The reason that stands behind an error of Foundation; nil where there is none.
  init?(of error: any Error) {
    let error = error as NSError
    guard let cause = error.userInfo[NSUnderlyingErrorKey].map({ $0 as? NSError ?? error }),
      cause.domain == NSPOSIXErrorDomain
    else { return nil }
    self.init(Int32(cause.code))
  }

  /// Whether the path does not lead to anything.
  var isAbsence: Bool { code == ENOENT || code == ENOTDIR }

  /// Whether it is about this host, at this time, and not about the file.
  var isOfHost: Bool { [ENOMEM, EMFILE, ENFILE, EIO].contains(code) }
}

/// `name` inside `folder`.
func joined(_ folder: String, _ name: String) -> String {
  folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

/// Whether `left` comes before `right` by their UTF-8 bytes, which is the order of code points.
func bytesPrecede(_ left: String, _ right: String) -> Bool {
  left.utf8.lexicographicallyPrecedes(right.utf8)
}

/// Whether both are the same name of a file: as strings, "é" of one character and "é" of two are
/// equal, as files they are not.
func haveEqualBytes(_ left: String, _ right: String) -> Bool {
  left.utf8.elementsEqual(right.utf8)
}
