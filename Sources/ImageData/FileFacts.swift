import FileIO
import Glibc
import ImageCodecs

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

  /// Of a file that is listed and cannot be reached.
  static let nothing = FileFacts(
    kind: .file, bytes: 0, identity: Identity(device: 0, inode: 0))

  /// The facts, or an error that carries the system's reason.
  init(path: String) throws(SystemReason) {
    try self.init(bytesOfPath: Array(path.utf8))
  }

  /// The facts of a path that need not be text.
  init(bytesOfPath path: [UInt8]) throws(SystemReason) {
    var status = stat()
    guard stat(path.map(CChar.init(bitPattern:)) + [0], &status) == 0 else {
      throw SystemReason(errno)
    }
    self.init(status)
  }

  /// The facts of an open file.
  init(descriptor: Int32) throws(SystemReason) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemReason(errno) }
    self.init(status)
  }

  private init(kind: Kind, bytes: Int, identity: Identity) {
    self.kind = kind
    self.bytes = bytes
    self.identity = identity
  }

  private init(_ status: stat) {
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
  var description: String { errorText(code) }

  init(_ code: Int32) { self.code = code }

  /// Whether the path does not lead to anything.
  var isAbsence: Bool { code == ENOENT || code == ENOTDIR }

  /// Whether it is about this host, at this time, and not about the file.
  var isOfHost: Bool { [ENOMEM, EMFILE, ENFILE, EIO].contains(code) }
}

/// The names in a folder, as the bytes that they are.
func namesInFolder(_ folder: String) throws(SystemReason) -> [[UInt8]] {
  guard let stream = opendir(folder) else { throw SystemReason(errno) }
  defer { closedir(stream) }
  var names: [[UInt8]] = []
  while true {
    errno = 0
    guard let entry = readdir(stream) else { break }
    // In place: the record ends with the name, and a copy of the whole type would read on.
    guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else {
      preconditionFailure("a C structure without an offset")
    }
    let name = UnsafeRawPointer(entry) + offset
    let bytes = UnsafeRawBufferPointer(start: name, count: strnlen(name, Int(NAME_MAX)))
    if !bytes.elementsEqual(".".utf8), !bytes.elementsEqual("..".utf8) {
      names.append(Array(bytes))
    }
  }
  guard errno == 0 else { throw SystemReason(errno) }
  return names
}

/// The first bytes of the file at a path that need not be text, as many as tell an image's format;
/// none where it cannot be read.
func beginningOfFile(_ path: [UInt8]) -> [UInt8] {
  let descriptor = open(
    path.map(CChar.init(bitPattern:)) + [0], O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  return [UInt8](unsafeUninitializedCapacity: ImageFormat.beginning) { buffer, count in
    count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
  }
}

/// The bytes of a name that is no text: letters of ASCII as they are, others as \xe9.
package func escaped(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { byte in
    (0x20..<0x7f).contains(byte)
      ? String(UnicodeScalar(byte))
      : "\\x" + padded(byte, digits: 2, radix: 16)
  }.joined()
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
