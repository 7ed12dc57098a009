import Glibc

/// Owns the descriptor of an open file.
package struct FileDescriptor: ~Copyable, Sendable {
  /// The system's number for it, negative where nothing is open.
  package let number: Int32

  package init(_ number: Int32) { self.number = number }

  package var isOpen: Bool { number >= 0 }

  deinit {
    // The caller may still want to know why something failed.
    let code = errno
    if number >= 0 { close(number) }
    errno = code
  }
}

extension FileDescriptor {
  /// The file at `path` for reading, links followed; should a pipe or a device stand there, nothing
  /// waits for it or takes from it.
  package static func reading(_ path: String) -> FileDescriptor {
    FileDescriptor(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))
  }

  /// Fills `buffer` from byte `offset` of the file on, as far as the file goes.
  ///
  /// - Returns: how many bytes there were; nil where the system failed, which `errno` tells of.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int? {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let got = pread(number, base + done, buffer.count - done, off_t(offset + done))
      if got < 0 && errno == EINTR { continue }
      if got < 0 { return nil }
      if got == 0 { break }
      done += got
    }
    return done
  }
}
