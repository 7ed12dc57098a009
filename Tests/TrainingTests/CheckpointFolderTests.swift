import Foundation
import Testing

@testable import Training

@Suite struct CheckpointFolderTests {
  private let scratch: ScratchFolder
  private let run = SyntheticRun()

  init() throws { scratch = try ScratchFolder() }

  /// A checkpoint that stands at `step` of `epoch`.
  private func checkpoint(_ epoch: Int, _ step: Int) throws -> Checkpoint {
    var state = try run.initialState()
    state.epoch = epoch
    state.step = step
    return Checkpoint(run.record, state, withOptimiser: true)
  }

  @discardableResult
  private func write(_ epoch: Int, _ step: Int, keep: Int? = nil) throws -> String {
    let folder = CheckpointFolder(path: scratch.path, keep: keep)
    let path = try folder.write(checkpoint(epoch, step), stepsPerEpoch: 3)
    return String(path.split(separator: "/").last ?? "")
  }

  private func newest() -> (place: [Int]?, damaged: [String]) {
    let (found, damaged) = CheckpointFolder(path: scratch.path).newest()
    return (
      found.map { [$0.checkpoint.progress.epoch, $0.checkpoint.progress.step] },
      damaged.map { String($0.split(separator: "/").last ?? "") }
    )
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() }
  }

  @Test func namesTellThePlace() throws {
    #expect(try write(3, 0) == "epoch-0003.safetensors")
    #expect(try write(3, 2) == "step-00000011.safetensors")
    #expect(try write(12_345, 0) == "epoch-12345.safetensors")
  }

  @Test func theNewestOfBothKindsIsFound() throws {
    #expect(newest().place == nil)
    for place in [(0, 1), (0, 3), (1, 0), (1, 2), (2, 0), (2, 1)] {
      try write(place.0, place.1)
      #expect(newest().place == [place.0, place.1])
    }
  }

  @Test func damagedFilesArePassedOverAndNamed() throws {
    try write(1, 0)
    let step = try write(1, 1)
    let epoch = try write(2, 0)
    try scratch.write(Array(scratch.bytes(epoch).dropLast()), epoch)
    #expect(newest().place == [1, 1])
    #expect(newest().damaged == [epoch])
    try scratch.write([], step)
    #expect(newest().place == [1, 0])
    #expect(newest().damaged.sorted() == [epoch, step])
  }

  @Test func aFolderOfDamagedFilesHasNoCheckpoint() throws {
    let name = try write(1, 0)
    try scratch.write([1, 2, 3], name)
    #expect(newest().place == nil)
    #expect(newest().damaged == [name])
  }

  @Test func leftoversOfInterruptedWritesAreNoCheckpoints() throws {
    let name = try write(1, 0)
    try scratch.write(Array(scratch.bytes(name).prefix(100)), ".step-00000009.safetensors.7.0.tmp")
    try scratch.write(Array(scratch.bytes(name).prefix(100)), ".epoch-0002.safetensors")
    try scratch.write([1], "notes.txt")
    #expect(newest().place == [1, 0])
    #expect(newest().damaged == [])
  }

  @Test func theNewestAreKeptWhateverTheirKind() throws {
    for place in [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)] { try write(place.0, place.1, keep: 2) }
    #expect(try names == ["epoch-0002.safetensors", "step-00000004.safetensors"])
  }

  @Test func damagedFilesDoNotCountAsKept() throws {
    let damaged = try write(2, 0)
    try scratch.write([0], damaged)
    try write(1, 1)
    try write(1, 2, keep: 1)
    #expect(newest().place == [1, 2])
    #expect(try names == [damaged, "step-00000005.safetensors"])
  }

  @Test func aFolderThatCannotBeMadeIsNamed() throws {
    try scratch.write([], "file")
    let folder = CheckpointFolder(path: scratch.path + "/file/checkpoints")
    let checkpoint = try checkpoint(1, 0)
    let error = #expect(throws: (any Error).self) {
      try folder.write(checkpoint, stepsPerEpoch: 3)
    }
    #expect("\(try #require(error))".contains("/file/checkpoints: the folder cannot be made"))
  }
}
