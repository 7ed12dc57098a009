internal import CMapping
import Glibc

/// A whole file in memory, shared with every process that maps it.
///
/// It begins at a multiple of ``alignment``, so that the system can use large pages. A process whose
/// file becomes shorter meanwhile ends with status 69 and a message.
// Sendable although it holds pointers: nobody writes through a mapping once `init` has returned.
package final class FileMapping: @unchecked Sendable {
  /// The size of a large page, in bytes.
  package static let alignment = 2 << 20

  /// The bytes of the file.
  package let bytes: UnsafeRawBufferPointer
  private let reserved: UnsafeMutableRawPointer
  private let reservedCount: Int
  /// What is said if the file goes away under the mapping, and where that is noted down.
  private let farewell: UnsafeMutablePointer<CChar>?
  private let watch: Int32

  /// Maps a file that is open for reading; the descriptor is not needed afterwards.
  ///
  /// - Parameter path: what messages call the file.
  /// - Throws: a ``FileError`` of kind `unreadable`, also for an empty file.
  package convenience init(_ file: borrowing FileDescriptor, _ path: String) throws(FileError) {
    var status = stat()
    guard fstat(file.number, &status) == 0 else { throw Self.unreadable(path, errno) }
    try self.init(file, path, count: Int(status.st_size), PROT_READ)
  }

  /// Gives an empty file `count` bytes, which `fill` writes; they are flushed.
  ///
  /// - Parameters:
  ///   - file: a descriptor that is open for reading and writing.
  ///   - path: what messages call the file.
  /// - Throws: a ``FileError`` of kind `writeFailed`, and what `fill` throws.
  package static func fill(
    _ file: borrowing FileDescriptor, _ path: String, count: Int,
    _ fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    // Room on the disk is claimed first: a store into a mapping that finds none would be fatal.
    let code = posix_fallocate(file.number, 0, off_t(count))
    guard code == 0 else { throw Self.failed(path, "claiming room", code) }
    let mapping = try FileMapping(file, path, count: count, PROT_READ | PROT_WRITE)
    try fill(UnsafeMutableRawBufferPointer(mutating: mapping.bytes))
    guard msync(UnsafeMutableRawPointer(mutating: mapping.bytes.baseAddress), count, MS_SYNC) == 0
    else { throw Self.failed(path, "writing", errno) }
  }

  private init(
    _ file: borrowing FileDescriptor, _ path: String, count: Int, _ protection: Int32
  ) throws(FileError) {
    reservedCount = count + Self.alignment
    guard count > 0,
      let reserved = mmap(nil, reservedCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      reserved != MAP_FAILED
    else { throw Self.unreadable(path, count > 0 ? errno : EINVAL) }
    let start = reserved.alignedUp(toMultipleOf: Self.alignment)
    guard mmap(start, count, protection, MAP_SHARED | MAP_FIXED, file.number, 0) == start else {
      let code = errno
      munmap(reserved, reservedCount)
      throw Self.unreadable(path, code)
    }
    madvise(start, count, MADV_HUGEPAGE)
    self.reserved = reserved
    bytes = UnsafeRawBufferPointer(start: start, count: count)
    farewell = strdup(
      "avp-dist: \(path) became shorter, or its disk failed, while it was in use; start again\n")
    watch = avp_watch_mapping(start, count, farewell)
  }

  deinit {
    avp_unwatch_mapping(watch)
    munmap(reserved, reservedCount)
    free(farewell)
  }

  private static func unreadable(_ path: String, _ code: Int32) -> FileError {
    FileError(.unreadable, path, "cannot be mapped: \(errorText(code))")
  }

  private static func failed(_ path: String, _ doing: String, _ code: Int32) -> FileError {
    FileError(.writeFailed, path, "\(doing) failed: \(errorText(code))")
  }
}
