import Collectives
import FileIO
import Head
import Launching
import Settings
import Testing
import Training

@testable import Commands
@testable import ImageData
@testable import ResNet

/// Scripts and `launch` go by these: every error that the modules have, with its status.
@Suite struct ExitStatusTests {
  /// Testing has a type of this name too.
  private typealias Status = Launching.ExitStatus

  private func status(_ error: any Error) -> Status { Status(of: error) }

  @Test func everyErrorOfAFile() {
    let expected: [(FileError.Kind, Status)] = [
      (.missing, .missingInput), (.unreadable, .missingInput), (.damaged, .badData),
      (.unsupported, .badData), (.entryMissing, .badData), (.entryUnexpected, .badData),
      (.entryMismatch, .badData), (.entryNotFinite, .badData), (.cannotCreate, .cannotCreate),
      (.writeFailed, .writeFailed),
    ]
    for (kind, wanted) in expected {
      #expect(status(FileError(kind, "x", "y")) == wanted, "\(kind)")
    }
  }

  @Test func everyErrorOfACheckpoint() {
    let expected: [(CheckpointError, Status)] = [
      (.missing("x"), .missingInput), (.unreadable("x", "y"), .missingInput),
      (.damaged("x"), .badData), (.foreign("x", "y"), .badData), (.modelOnly("x"), .badData),
    ]
    for (error, wanted) in expected { #expect(status(error) == wanted, "\(error)") }
  }

  @Test func everyErrorOfImagesAndRanks() {
    let expected: [(any Error, Status)] = [
      (DatasetError(.missing, "x"), .missingInput), (DatasetError(.invalid, "x"), .badData),
      (DatasetError(.host, "x"), .unavailable),
      (CollectiveError.transport(operation: "x", reason: "y"), .unavailable),
      (CollectiveError.stalled("x"), .unavailable), (CollectiveError.mismatch("x"), .configuration),
      (CollectiveError.launch("x"), .configuration),
    ]
    for (error, wanted) in expected { #expect(status(error) == wanted, "\(error)") }
  }

  @Test func everyOtherError() {
    struct Unknown: Error {}
    let expected: [(any Error, Status)] = [
      (UsageError("x"), .usage), (Failure(status: .stopped, description: "x"), .stopped),
      (BackboneError(.weights, "x"), .badData), (BackboneError(.notFinite, "x"), .badData),
      (HeadError.notFinite(samples: 1), .badData), (HeadError.setting("x"), .badData),
      (TrainingError.diverged(epoch: 1, step: 1), .badData), (Unknown(), .internalError),
    ]
    for (error, wanted) in expected { #expect(status(error) == wanted, "\(error)") }
  }

  /// The numbers themselves, which scripts have in them.
  @Test func theNumbersStay() {
    let numbers = Status.allCases.map(\.rawValue)
    #expect(numbers == [0, 64, 65, 66, 69, 70, 73, 74, 75, 78])
  }
}
