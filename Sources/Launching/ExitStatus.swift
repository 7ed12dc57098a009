import Foundation

/// The exit statuses of the tool, after BSD's sysexits.
package enum ExitStatus: Int32, CaseIterable {
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
  /// The hosts are not set up alike, or the processes were not started the way MPI needs.
  case configuration = 78

  /// What it means, for the manual.
  package var meaning: String {
    switch self {
    case .done: "done"
    case .usage: "wrong usage: an unknown option, a value out of range"
    case .badData:
      "wrong content: an image, weight file or checkpoint that cannot be used; classes that differ; "
        + "a loss that is not finite"
    case .missingInput: "a file or folder is missing"
    case .unavailable:
      "a host or rank failed or does not answer; another run is at work in the folder"
    case .internalError: "a defect of avp-dist"
    case .cannotCreate: "a file cannot be made"
    case .writeFailed: "writing failed, for example on a full disk"
    case .stopped: "stopped by a signal after a checkpoint; --resume auto goes on"
    case .configuration:
      "ranks that do not agree about version, settings or weights, or were not started together; a "
        + "host without SHA-256"
    }
  }

  /// Why a new attempt with the same words would end in the same way; nil where it may not.
  package var lastingReason: String? {
    switch self {
    case .usage: "the command line is wrong"
    case .badData: "a file's content, or a setting, cannot be used"
    case .missingInput: "a file or folder is missing"
    case .cannotCreate: "a file cannot be made"
    case .writeFailed: "writing failed"
    case .configuration: "the ranks do not agree, or were not started together"
    case .done, .unavailable, .internalError, .stopped: nil
    }
  }
}

/// An error with the status that the process ends with.
package struct Failure: Error, CustomStringConvertible {
  package let status: ExitStatus
  package let description: String
  /// Whether all ranks throw it at the same point, so that they can leave in the regular way.
  package var isOfAllRanks = false

  /// An error with its status and its message.
  package init(status: ExitStatus, description: String, isOfAllRanks: Bool = false) {
    self.status = status
    self.description = description
    self.isOfAllRanks = isOfAllRanks
  }
}
