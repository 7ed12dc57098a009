import Collectives
import FileIO
import Glibc
import ImageData

/// The most bytes of names that are read from the standard input.
private let nameLimit = 1 << 30

/// The names on the standard input; the ranks that wait for them learn that this one does.
func standardInput(_ communicator: any Communicator) throws -> [String] {
  try names(on: STDIN_FILENO) { communicator.noteListing("the names on the standard input") }
}

/// All names that a descriptor gives until its end.
func names(on descriptor: Int32, whileWaiting: () -> Void = {}) throws -> [String] {
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    whileWaiting()
    if poll(&events, 1, 1000) == 0 { continue }
    let count = read(descriptor, &piece, piece.count)
    if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
    guard count >= 0 else {
      throw FileError(.unreadable, "standard input", "cannot be read: \(errorText(errno))")
    }
    if count == 0 { break }
    bytes += piece[..<count]
    guard bytes.count <= nameLimit else {
      throw FileError(.unsupported, "standard input", "has more than \(nameLimit) bytes of names")
    }
  }
  return try names(in: bytes)
}

/// Names one a line or, where there is a zero byte as `find -print0` writes it, each ended by one.
/// Lines may end as those of Windows do; empty ones are passed over.
func names(in bytes: [UInt8]) throws(DatasetError) -> [String] {
  let isZeroed = bytes.contains(0)
  var names: [String] = []
  for part in bytes.split(separator: isZeroed ? 0 : UInt8(ascii: "\n")) {
    let part = !isZeroed && part.last == UInt8(ascii: "\r") ? part.dropLast() : part
    guard let name = String(validating: part, as: UTF8.self) else {
      throw DatasetError(nameThatIsNoText: Array(part), of: "on the standard input")
    }
    if !name.isEmpty { names.append(name) }
  }
  return names
}
