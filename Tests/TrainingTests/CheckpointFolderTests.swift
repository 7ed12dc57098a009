import Foundation
import Testing

@testable import Training

@Suite struct CheckpointFolderTests {
  private let scratch: ScratchFolder
  private let run = SyntheticRun()

  init() throws { scratch = try ScratchFolder() }

  /// A checkpoint that stands at `step` of `epoch`.
  ///
  /// - Parameter accuracies: those of the completed epochs.
  /// - Parameter accuracies: those of the epochs done; by default each is better than the last.
  private func checkpoint(
    _ epoch: Int, _ step: Int, accuracies: [Double]? = nil, _ record: ModelRecord? = nil
  ) throws -> Checkpoint {
    var state = try run.initialState()
    state.epoch = epoch
    state.step = step
    let accuracies = accuracies ?? (0..<epoch).map { Double($0) / 100_000 }
    state.history = accuracies.enumerated().map { index, accuracy in
      EpochMetrics(
        epoch: index + 1, trainLoss: 0, trainAccuracy: 0, validationLoss: 1,
        validationAccuracy: accuracy, skipped: [])
    }
    return Checkpoint(record ?? run.record, state, withOptimizer: true)
  }

  @discardableResult
  private func write(
    _ epoch: Int, _ step: Int, keep: Int? = nil, accuracies: [Double]? = nil,
    _ record: ModelRecord? = nil
  ) throws -> String {
    let folder = CheckpointFolder(path: scratch.path, keep: keep)
    let checkpoint = try checkpoint(epoch, step, accuracies: accuracies, record)
    let path = try folder.write(checkpoint, stepsPerEpoch: 3)
    return String(path.split(separator: "/").last ?? "")
  }

  /// The record of the same run with more epochs.
  private var otherRecord: ModelRecord {
    var record = run.record
    record.configuration.epochs += 7
    return record
  }

  private func newest(
    like record: ModelRecord? = nil
  ) throws -> (position: [Int]?, damaged: [String]) {
    let (found, damaged) = try CheckpointFolder(path: scratch.path).newest(like: record)
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
    #expect(try newest().position == nil)
    for position in [(0, 1), (0, 3), (1, 0), (1, 2), (2, 0), (2, 1)] {
      try write(position.0, position.1)
      #expect(try newest().position == [position.0, position.1])
    }
  }

  @Test func damagedFilesArePassedOverAndNamed() throws {
    try write(1, 0)
    let step = try write(1, 1)
    let epoch = try write(2, 0)
    try scratch.write(Array(scratch.bytes(epoch).dropLast()), epoch)
    #expect(try newest().position == [1, 1])
    #expect(try newest().damaged == [epoch])
    try scratch.write([], step)
    #expect(try newest().position == [1, 0])
    #expect(try newest().damaged.sorted() == [epoch, step])
  }

  @Test func aFolderOfDamagedFilesHasNoCheckpoint() throws {
    let name = try write(1, 0)
    try scratch.write([1, 2, 3], name)
    #expect(try newest().position == nil)
    #expect(try newest().damaged == [name])
  }

  @Test func aFolderThatIsNotThereHasNoCheckpoint() throws {
    #expect(try CheckpointFolder(path: scratch.path + "/nowhere").newest().found == nil)
  }

  @Test func whatIsThereAndCannotBeReadIsAnErrorAndNoFreshStart() throws {
    try write(1, 0)
    try scratch.write([], "file")
    let folder = CheckpointFolder(path: scratch.path + "/file")
    let error = #expect(throws: CheckpointError.self) { try folder.newest() }
    #expect("\(try #require(error))".contains("/file is there and cannot be read: "))

    let name = "epoch-0009.safetensors"
    try FileManager.default.createDirectory(
      atPath: "\(scratch.path)/\(name)", withIntermediateDirectories: false)
    let second = #expect(throws: CheckpointError.self) { try newest() }
    #expect("\(try #require(second))".contains("/\(name) is there and cannot be read: "))
  }

  @Test func leftoversOfInterruptedWritesAreNoCheckpoints() throws {
    let name = try write(1, 0)
    try scratch.write(Array(scratch.bytes(name).prefix(100)), ".step-00000009.safetensors.7.0.tmp")
    try scratch.write(Array(scratch.bytes(name).prefix(100)), ".epoch-0002.safetensors")
    try scratch.write([1], "notes.txt")
    #expect(try newest().position == [1, 0])
    #expect(try newest().damaged == [])
  }

  @Test func theNewestAreKeptWhateverTheirKind() throws {
    for position in [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)] {
      try write(position.0, position.1, keep: 2)
    }
    #expect(try names == ["epoch-0002.safetensors", "step-00000004.safetensors"])
  }

  @Test func theBestEpochIsKeptBesidesTheNewest() throws {
    let accuracies = [0.5, 0.9, 0.7, 0.8, 0.95]
    var kept: [[String]] = []
    for epoch in 1...5 {
      try write(epoch, 0, keep: 1, accuracies: Array(accuracies[..<epoch]))
      kept.append(try names.map { String($0.dropFirst(6).prefix(4)) })
    }
    #expect(kept == [["0001"], ["0002"], ["0002", "0003"], ["0002", "0004"], ["0005"]])
    try write(5, 2, keep: 1, accuracies: accuracies)
    #expect(try names == ["epoch-0005.safetensors", "step-00000017.safetensors"])
  }

  @Test func theOneJustWrittenIsKeptAlsoWhereNewerOnesAre() throws {
    for epoch in 4...5 { try write(epoch, 0) }
    for step in 1...2 { try write(1, step, keep: 1) }
    #expect(try names == ["epoch-0005.safetensors", "step-00000005.safetensors"])
  }

  @Test func aDamagedBestEpochIsLeftAloneAndCountsForNothing() throws {
    let best = try write(1, 0, keep: 1, accuracies: [0.9])
    try scratch.write([0], best)
    for epoch in 2...4 {
      try write(epoch, 0, keep: 2, accuracies: [0.9] + Array(repeating: 0.5, count: epoch - 1))
    }
    #expect(try names == [best, "epoch-0003.safetensors", "epoch-0004.safetensors"])
  }

  @Test func checkpointsOfOtherSettingsNeitherCountNorGo() throws {
    for epoch in 3...4 { try write(epoch, 0) }
    for step in 1...3 { try write(1, step, keep: 1, otherRecord) }
    #expect(
      try names == [
        "epoch-0003.safetensors", "epoch-0004.safetensors", "step-00000006.safetensors",
      ])
  }

  @Test func checkpointsOfTheSameSettingsArePreferred() throws {
    for position in [(1, 0), (2, 0), (2, 1)] { try write(position.0, position.1) }
    #expect(try newest(like: otherRecord).position == [2, 1])
    try write(1, 1, otherRecord)
    #expect(try newest(like: otherRecord).position == [1, 1])
    try write(3, 0, otherRecord)
    #expect(try newest(like: otherRecord).position == [3, 0])
    #expect(try newest(like: run.record).position == [2, 1])
    #expect(try newest().position == [3, 0])
  }

  @Test func fiveDigitsComeAfterFour() throws {
    for epoch in [9_999, 10_000] { try write(epoch, 0) }
    #expect(try newest().position == [10_000, 0])
  }

  @Test func onlyLeftoversOfWritesAreRemoved() throws {
    let name = try write(1, 0)
    let others = [name, ".hidden", ".notes.tmp", "x.1.2.tmp", ".x.1.y.tmp"].sorted()
    for file in others where file != name { try scratch.write([1], file) }
    for file in [".\(name).77.0.tmp", ".model.safetensors.5.12.tmp"] {
      try scratch.write([1], file)
    }
    CheckpointFolder.removeLeftovers(in: scratch.path)
    #expect(try names == others)
    CheckpointFolder.removeLeftovers(in: scratch.path + "/nowhere")
  }

  @Test func damagedFilesDoNotCountAsKept() throws {
    let damaged = try write(2, 0)
    try scratch.write([0], damaged)
    try write(1, 1)
    try write(1, 2, keep: 1)
    #expect(try newest().position == [1, 2])
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
