import Glibc

/// Prints a line to standard output at once, also where a pipe stands in between.
///
/// Where nobody can read it, as on a full disk or behind a pipe that was closed, it is lost: a run
/// must not end for that. Characters that would act on a terminal are shown by their numbers.
package func printLine(_ text: String) {
  _ = writeLine(visible(text), to: STDOUT_FILENO)
}

/// Prints what a command is called for, as it is.
///
/// - Returns: whether anybody reads it: one that has seen enough, as `head`, is no failure.
/// - Throws: a failure where it cannot be stored.
@discardableResult
package func printResult(_ text: String) throws -> Bool {
  let error = writeLine(text, to: STDOUT_FILENO)
  guard error == 0 || error == EPIPE else {
    throw FileError(
      .writeFailed, "standard output", "the result cannot be written: \(errorText(error))")
  }
  return error == 0
}

/// Writes a line whole.
///
/// - Returns: 0, or the number of the error that prevented it.
package func writeLine(_ text: String, to descriptor: Int32) -> Int32 {
  writeAll(Array((text + "\n").utf8), to: descriptor)
}

/// Writes all of `bytes`.
///
/// - Returns: 0, or the number of the error that prevented it.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
  bytes.withUnsafeBytes { buffer in
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let count = write(descriptor, base + done, buffer.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return errno }
      done += count
    }
    return 0
  }
}

/// Gives standard streams that were closed at the start a target, which is nowhere: else the next
/// file that is opened would take their number, and receive what is printed.
package func openStandardStreams() {
  var descriptor: Int32 = 0
  while descriptor >= 0, descriptor <= STDERR_FILENO { descriptor = open("/dev/null", O_RDWR) }
  close(descriptor)
}
