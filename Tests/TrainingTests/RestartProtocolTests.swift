import Collectives
import FileIO
import Foundation
import Testing

@testable import Training

/// What happens when a rank dies between any two operations: every rank, every operation.
///
/// The operations are all exchanges of the training loop and every change of a file by rank 0: a
/// temporary file that is begun, a file under its real name, a removal.
/// After the death nothing counts but what stands on disk.
@Suite struct RestartProtocolTests {
  @Test(arguments: 1...3)
  func aDeathAnywhereLosesNothing(ranks: Int) throws {
    let whole = try undisturbed()
    for rank in 0..<ranks {
      var operation = 0
      while true {
        let disk = try Disk()
        let death = ThreadWorld.Death(rank: rank, operation: operation)
        if disk.attempt(ranks: ranks, death: death) { break }
        let restarted = disk.attempt(ranks: 1 + operation % 3)
        #expect(restarted, "rank \(rank) of \(ranks) died at operation \(operation)")
        #expect(try disk.products() == whole)
        operation += 1
      }
      // Rank 0 takes part in at least the exchanges and changes files besides.
      #expect(operation > (rank == 0 ? 30 : 15))
    }
  }

  @Test func aDeathThatTearsTheNewestFileLosesNothing() throws {
    let whole = try undisturbed()
    var tears = 0
    for operation in 0..<80 {
      let disk = try Disk()
      if disk.attempt(ranks: 2, death: .init(rank: 0, operation: operation)) { break }
      if try disk.tearNewestCheckpoint() { tears += 1 }
      #expect(disk.attempt(ranks: 2))
      #expect(try disk.products() == whole)
    }
    #expect(tears > 10)
  }

  @Test func twoDeathsLoseNothing() throws {
    let whole = try undisturbed()
    for first in stride(from: 0, to: 80, by: 3) {
      for second in stride(from: first % 4, to: 80, by: 4) {
        let disk = try Disk()
        if disk.attempt(ranks: 2, death: .init(rank: first % 2, operation: first)) { break }
        if disk.attempt(ranks: 2, death: .init(rank: second % 2, operation: second)) { continue }
        #expect(disk.attempt(ranks: 2), "deaths at \(first) and \(second)")
        #expect(try disk.products() == whole)
      }
    }
  }

  private func undisturbed() throws -> [[UInt8]] {
    let disk = try Disk()
    #expect(disk.attempt(ranks: 1))
    return try disk.products()
  }
}

/// The files of one run, and attempts to finish it.
private struct Disk: Sendable {
  private let run: SyntheticRun
  private let checkpoints: String
  private let scratch: Scratch

  init() throws {
    var run = SyntheticRun()
    run.options.checkpointEverySteps = 1
    self.run = run
    scratch = Scratch(folder: try ScratchFolder())
    checkpoints = scratch.path + "/checkpoints"
  }

  /// `@unchecked Sendable`: the folder's path never changes.
  private struct Scratch: @unchecked Sendable {
    let folder: ScratchFolder
    var path: String { folder.path }
  }

  /// Starts from the newest checkpoint on disk; whether all ranks reached the end.
  func attempt(ranks: Int, death: ThreadWorld.Death? = nil) -> Bool {
    let world = ThreadWorld(worldSize: ranks, death: death)
    let results = onEveryRank(of: world) { communicator in
      let state = try resume(communicator)
      let observer: any TrainingObserver =
        communicator.rank == 0
        ? Recorder(run: run, root: scratch.path, world: world) : SilentObserver()
      let end = try run.train(communicator, from: state, observer: observer).state
      try (observer as? Recorder)?.finish(end)
      try communicator.barrier()
    }
    return results.allSatisfy { (try? $0.get()) != nil }
  }

  /// Rank 0 reads the newest checkpoint and gives it to all.
  private func resume(_ communicator: ThreadCommunicator) throws -> TrainingState? {
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      bytes = try CheckpointFolder(path: checkpoints).newest().found?.checkpoint.encoded() ?? []
    }
    try communicator.broadcast(&bytes, from: 0)
    guard !bytes.isEmpty else { return nil }
    return try TrainingState(
      Checkpoint(bytes: bytes, path: "x"), configuration: run.configuration, path: "x")
  }

  /// The final model, the best model and the last checkpoint.
  func products() throws -> [[UInt8]] {
    try ["model", "best", "checkpoints/epoch-0002"].map {
      try scratch.folder.bytes("\($0).safetensors")
    }
  }

  /// Cuts the newest checkpoint in half, as a disk that lost power may.
  func tearNewestCheckpoint() throws -> Bool {
    guard let path = try CheckpointFolder(path: checkpoints).newest().found?.path else {
      return false
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
    return true
  }
}

/// Rank 0's files, written by what the tool writes them with, and a place to die behind every
/// change.
private final class Recorder: TrainingObserver {
  private let root: String
  private let world: ThreadWorld
  private var files: RunFiles

  init(run: SyntheticRun, root: String, world: ThreadWorld) {
    self.root = root
    self.world = world
    files = RunFiles(
      folder: root, keep: 2, record: run.record, stepsPerEpoch: run.sampler.stepsPerEpoch)
    files.checkpoints.afterChange = { try world.place(rank: 0) }
  }

  func note(_ event: TrainingEvent) {}

  func save(_ state: TrainingState, isFinalAttempt: Bool) throws {
    for folder in [root, root + "/checkpoints"] { try leftover(in: folder) }
    _ = try files.save(state)
  }

  func finish(_ state: TrainingState) throws {
    try leftover(in: root)
    try files.finish(state)
  }

  /// A place to die with part of a temporary file written.
  private func leftover(in folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let partial = "\(folder)/.part.safetensors.\(getpid()).0.tmp"
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: partial))
    try world.place(rank: 0)
  }
}
