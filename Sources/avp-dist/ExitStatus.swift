import Collectives
import Foundation

/// The exit statuses of the tool, after BSD's sysexits.
enum ExitStatus: Int32 {
  case done = 0
  /// Wrong command line.
  case usage = 64
  /// A file's content is wrong.
  case badData = 65
  /// A file or folder is not there.
  case missingInput = 66
  /// A host or rank failed.
  case unavailable = 69
  /// A defect of the program.
  case internalError = 70
  /// An output file cannot be made.
  case cannotCreate = 73
  /// Writing failed, for example on a full disk.
  case writeFailed = 74
  /// Stopped by a signal after a checkpoint; resume to go on.
  case stopped = 75
}

/// An error with the status that the process ends with.
struct Failure: Error, CustomStringConvertible {
  let status: ExitStatus
  let description: String
}

/// Prints to standard error.
func printError(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}
