internal import Glibc

/// Zeroed memory that begins at a 2 MB boundary and asks for 2 MB pages.
///
/// Kernels walk through hundreds of megabytes of weights and activations an image; with 4 KB pages
/// a good part of the time goes into address translation.
final class AlignedMemory {
  /// The first byte.
  let base: UnsafeMutableRawPointer
  /// The usable size in bytes.
  let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappedCount: Int

  private static let hugePage = 2 << 20

  /// Allocates at least `count` bytes.
  ///
  /// - Throws: an ``OutOfMemory`` if the system has no room.
  init(count: Int) throws(OutOfMemory) {
    let rounded = (max(count, 1) + Self.hugePage - 1) & ~(Self.hugePage - 1)
    let mappedCount = rounded + Self.hugePage
    let mapped = mmap(
      nil, mappedCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped, mapped != MAP_FAILED else { throw OutOfMemory(bytes: rounded) }
    mapping = mapped
    self.mappedCount = mappedCount
    self.count = rounded
    base = mapped.alignedUp(toMultipleOf: Self.hugePage)
    madvise(base, rounded, MADV_HUGEPAGE)
  }

  deinit { munmap(mapping, mappedCount) }
}

/// The system refused memory.
package struct OutOfMemory: Error, Equatable, Sendable, CustomStringConvertible {
  /// How much was asked for.
  package let bytes: Int

  /// The whole message.
  package var description: String {
    "the system has no room for \(bytes >> 20) MB of memory; use fewer threads or processes"
  }
}
