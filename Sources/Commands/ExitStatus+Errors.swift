import Collectives
import DemoFigures
import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import Kernels
import Launching
import ResNet
import Settings
import Training

extension ExitStatus {
  /// The status that fits an error.
  init(of error: any Error) {
    self =
      switch error {
      case is UsageError: .usage
      case let failure as Failure: failure.status
      case let error as DatasetError: Self.status(error.kind)
      case let error as FileError: Self.status(error.kind)
      case let error as CheckpointError: Self.status(error)
      case let error as ImageError: error.isOutOfMemory ? .unavailable : .badData
      case is OutOfMemory, is ThreadRefused: .unavailable
      case is BackboneError, is HeadError, is TrainingError: .badData
      case is KernelPathError: .usage
      case is ImageSetError: .cannotCreate
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

  private static func status(_ kind: FileError.Kind) -> ExitStatus {
    switch kind {
    case .missing, .unreadable: .missingInput
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

/// Refuses words on the command line that are not UTF-8: instead of what it cannot read Swift has
/// another character, and the file would not be found.
func requireText() throws {
  let words = FileManager.default.contents(atPath: "/proc/self/cmdline") ?? Data()
  for word in words.split(separator: 0)
  where !String(decoding: word, as: UTF8.self).utf8.elementsEqual(word) {
    throw DatasetError(nameThatIsNoText: Array(word), of: "on the command line")
  }
}
