import Foundation
import Testing

@testable import Training

/// The best model and the checkpoints, also where writing fails and where a run goes on elsewhere.
@Suite struct RunFilesTests {
  private let scratch: ScratchFolder
  private let run = SyntheticRun()

  init() throws { scratch = try ScratchFolder() }

  private func files(_ folder: String? = nil) -> RunFiles {
    RunFiles(
      folder: folder ?? scratch.path, keep: nil, record: run.record,
      stepsPerEpoch: run.sampler.stepsPerEpoch)
  }

  /// The state behind as many epochs as there are accuracies.
  private func state(_ accuracies: [Double]) throws -> TrainingState {
    var state = try run.initialState()
    state.epoch = accuracies.count
    state.history = accuracies.enumerated().map { index, accuracy in
      EpochMetrics(
        epoch: index + 1, trainLoss: 0, trainAccuracy: 0, validationLoss: 1,
        validationAccuracy: accuracy, skipped: [])
    }
    return state
  }

  private func model(_ state: TrainingState) throws -> [UInt8] {
    try Checkpoint(run.record, state, withOptimizer: false).encoded()
  }

  /// A folder in a file's place cannot be replaced, as on a disk that is full.
  private func block(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(scratch.path)/\(name)/inside", withIntermediateDirectories: true)
  }

  private func unblock(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(scratch.path)/\(name)")
  }

  @Test func aBestModelThatCouldNotBeWrittenIsWrittenLater() throws {
    var files = files()
    let best = try state([0.9])
    try block("best.safetensors")
    #expect(throws: (any Error).self) { try files.save(best) }
    // No checkpoint behind it: a run that dies now takes the best epoch again.
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/checkpoints"))
    try unblock("best.safetensors")
    _ = try files.save(state([0.9, 0.5]))
    #expect(try scratch.bytes("best.safetensors") == model(best))
  }

  @Test func theEndOfTheRunIsTheLastAttempt() throws {
    var files = files()
    let (best, last) = (try state([0.9]), try state([0.9, 0.5]))
    try block("best.safetensors")
    #expect(throws: (any Error).self) { try files.save(best) }
    #expect(throws: (any Error).self) { try files.finish(last) }
    try unblock("best.safetensors")
    try files.finish(last)
    #expect(try scratch.bytes("best.safetensors") == model(best))
    #expect(try scratch.bytes("model.safetensors") == model(last))
  }

  @Test func aCheckpointInsideAnEpochIsNoBestModel() throws {
    var files = files()
    let best = try state([0.9])
    _ = try files.save(best)
    var later = best
    later.step = 1
    _ = try files.save(later)
    #expect(try scratch.bytes("best.safetensors") == model(best))
  }

  @Test func aRunThatGoesOnElsewhereTakesItsBestModelAlong() throws {
    var before = files()
    let (best, last) = (try state([0.9]), try state([0.9, 0.5]))
    _ = try before.save(best)
    _ = try before.save(last)
    let after = files(try folder("other"))
    #expect(!after.holdsBest(of: last))
    try after.restoreBest(of: last, from: ["/nowhere", scratch.path + "/checkpoints"])
    #expect(after.holdsBest(of: last))
    #expect(try scratch.bytes("other/best.safetensors") == model(best))
  }

  @Test func aBestModelOfAnotherEpochIsReplaced() throws {
    var files = files()
    _ = try files.save(state([0.9]))
    _ = try files.save(state([0.9, 0.95]))
    let earlier = try state([0.9])
    #expect(!files.holdsBest(of: earlier))
    try files.restoreBest(of: earlier, from: [scratch.path + "/checkpoints"])
    #expect(try scratch.bytes("best.safetensors") == model(earlier))
  }

  @Test func aCheckpointOfAnotherRunIsNoBestModel() throws {
    var before = files()
    _ = try before.save(state([0.8]))
    let after = files(try folder("other"))
    let last = try state([0.9, 0.5])
    try after.restoreBest(of: last, from: [scratch.path + "/checkpoints"])
    #expect(!after.holdsBest(of: last))
    #expect(!FileManager.default.fileExists(atPath: after.best))
  }

  private func folder(_ name: String) throws -> String {
    let path = "\(scratch.path)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
