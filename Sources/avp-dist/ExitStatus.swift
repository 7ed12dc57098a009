import Collectives
import DemoFigures
import Foundation
import Head
import ImageCodecs
import ImageData
import Kernels
import ResNet
import Training
import WeightFiles

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
  /// The hosts are not set up alike, or the processes were not started the way MPI needs.
  case configuration = 78

  /// Why a new attempt with the same words would end in the same way; nil where it may not.
  var lastingReason: String? {
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
struct Failure: Error, CustomStringConvertible {
  let status: ExitStatus
  let description: String
  /// Whether all ranks throw it at the same point, so that they can leave in the regular way.
  var isOfAllRanks = false
}

/// Prints a line to standard output at once, also where a pipe stands in between.
///
/// Where nobody can read it, as on a full disk or behind a pipe that was closed, it is lost: a run
/// must not end for that. Characters that would act on a terminal are shown by their numbers.
func print(_ text: String) {
  _ = writeLine(visible(text), to: STDOUT_FILENO)
}

/// Prints what a command is called for, as it is.
///
/// - Returns: whether anybody reads it: one that has seen enough, as `head`, is no failure.
/// - Throws: a failure where it cannot be stored.
@discardableResult
func printResult(_ text: String) throws -> Bool {
  let error = writeLine(text, to: STDOUT_FILENO)
  guard error == 0 || error == EPIPE else {
    throw Failure(
      status: .writeFailed,
      description:
        "The result cannot be written to the standard output: \(String(cString: strerror(error))).")
  }
  return error == 0
}

/// Prints a line to standard error, or loses it, as `print` does.
func printError(_ text: String) {
  // Progress may stand on the line.
  Screen.any?.clearLine()
  _ = writeLine(visible(text), to: STDERR_FILENO)
}

/// Writes a line whole.
///
/// - Returns: 0, or the number of the error that prevented it.
private func writeLine(_ text: String, to descriptor: Int32) -> Int32 {
  var rest = Array((text + "\n").utf8)[...]
  while !rest.isEmpty {
    // A piece at a time: a pipe takes little at once, and the rest must not be copied for that.
    let piece = Array(rest.prefix(1 << 16))
    let count = write(descriptor, piece, piece.count)
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { return errno }
    rest = rest.dropFirst(count)
  }
  return 0
}

/// Gives standard streams that were closed at the start a place, which is nowhere: else the next
/// file that is opened would take their number, and receive what is printed.
func openStandardStreams() {
  var descriptor: Int32 = 0
  while descriptor >= 0, descriptor <= STDERR_FILENO { descriptor = open("/dev/null", O_RDWR) }
  close(descriptor)
}

extension ExitStatus {
  /// The status that fits an error.
  init(of error: any Error) {
    self =
      switch error {
      case is UsageError: .usage
      case let failure as Failure: failure.status
      case let error as DatasetError: Self.status(error.kind)
      case let error as WeightFileError: Self.status(error.kind)
      case let error as CheckpointError: Self.status(error)
      case let error as ImageError: error.isOutOfMemory ? .unavailable : .badData
      case is OutOfMemory: .unavailable
      case is BackboneError, is HeadError, is TrainingError: .badData
      case is KernelPathError: .usage
      case is PictureSetError: .cannotCreate
      case let error as CollectiveError: Self.status(error)
      default: .internalError
      }
  }

  private static func status(_ kind: DatasetError.Kind) -> ExitStatus {
    switch kind {
    case .missing: .missingInput
    case .invalid: .badData
    case .host: .unavailable
    }
  }

  private static func status(_ kind: WeightFileError.Kind) -> ExitStatus {
    switch kind {
    case .missingFile, .unreadable: .missingInput
    case .cannotCreate: .cannotCreate
    case .writeFailed: .writeFailed
    default: .badData
    }
  }

  private static func status(_ error: CollectiveError) -> ExitStatus {
    switch error {
    case .transport, .stalled: .unavailable
    case .mismatch, .launch: .configuration
    }
  }

  private static func status(_ error: CheckpointError) -> ExitStatus {
    switch error {
    case .missing, .unreadable: .missingInput
    case .damaged, .foreign, .modelOnly: .badData
    }
  }
}

/// Refuses words on the command line that are not UTF-8: in place of what it cannot read Swift has
/// another character, and the file would not be found.
func requireText() throws {
  let words = FileManager.default.contents(atPath: "/proc/self/cmdline") ?? Data()
  for word in words.split(separator: 0)
  where !String(decoding: word, as: UTF8.self).utf8.elementsEqual(word) {
    throw DatasetError(nameThatIsNoText: Array(word), of: "on the command line")
  }
}
