import Head
import TensorFormats
import Testing

@testable import Training

@Suite struct CheckpointTests {
  private func trained() throws -> (run: SyntheticRun, state: TrainingState, bytes: [UInt8]) {
    var run = SyntheticRun(images: SyntheticImages(skipped: [4]))
    run.configuration.maxSteps = 5
    let state = try run.train(ranks: 1)[0]
    return (run, state, try run.bytes(state))
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let (run, state, bytes) = try trained()
    let checkpoint = try Checkpoint(bytes: bytes, path: "x")
    #expect(checkpoint.record == run.record)
    #expect(checkpoint.head == state.head)
    #expect(checkpoint.progress.history == state.history)
    let restored = try TrainingState(checkpoint, configuration: run.configuration, path: "x")
    #expect(restored.optimizer.state == state.optimizer.state)
    #expect(try run.bytes(restored) == bytes)
  }

  @Test func theFileIsAnOrdinarySafetensorsFile() throws {
    let (_, state, bytes) = try trained()
    let file = try SafeTensorsFile(bytes: bytes, path: "x")
    #expect(try file.floats("fc.0.weight").values == state.head.tensor(.firstWeight).values)
    #expect(file.metadata["format"] == "pt")
  }

  @Test func everyTruncationIsRecognised() throws {
    let (_, _, bytes) = try trained()
    for length in 0..<bytes.count {
      #expect(throws: CheckpointError.damaged("x")) {
        try Checkpoint(bytes: Array(bytes[..<length]), path: "x")
      }
    }
  }

  @Test func everyFlippedBitIsRecognised() throws {
    var (_, _, bytes) = try trained()
    for index in bytes.indices {
      for bit in 0..<8 {
        bytes[index] ^= 1 << bit
        #expect(throws: CheckpointError.damaged("x")) { try Checkpoint(bytes: bytes, path: "x") }
        bytes[index] ^= 1 << bit
      }
    }
    #expect(throws: Never.self) { try Checkpoint(bytes: bytes, path: "x") }
  }

  @Test func addedBytesAreRecognised() throws {
    let (_, _, bytes) = try trained()
    for more in [[0], [10], [UInt8](repeating: 0, count: 4_096)] as [[UInt8]] {
      #expect(throws: CheckpointError.damaged("x")) {
        try Checkpoint(bytes: bytes + more, path: "x")
      }
    }
  }

  @Test func aModelFileIsNoCheckpoint() throws {
    let (run, state, _) = try trained()
    let model = try Checkpoint(
      bytes: Checkpoint(run.record, state, withOptimizer: false).encoded(), path: "m")
    #expect(model.heads == nil)
    #expect(throws: CheckpointError.modelOnly("m")) {
      try TrainingState(model, configuration: run.configuration, path: "m")
    }
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: "/nowhere/x") }
    #expect(error == .missing("/nowhere/x"))
    #expect(error?.description.contains("/nowhere/x cannot be read") == true)
  }

  @Test func aFileThatIsThereAndCannotBeReadIsNotCalledMissing() {
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: "/dev") }
    guard case .unreadable("/dev", _) = error else {
      Issue.record("the error is \(String(describing: error))")
      return
    }
    #expect(error?.description.contains("/dev is there and cannot be read") == true)
  }

  /// A double holds whole numbers up to 2^53 only; sums of many losses are larger.
  @Test func largeSumsSurviveTheFile() throws {
    let run = SyntheticRun()
    var state = try run.initialState()
    state.step = 1
    state.running.values = [1 << 62 - 1, 2, 3, 0]
    let checkpoint = try Checkpoint(bytes: run.bytes(state), path: "x")
    let restored = try TrainingState(checkpoint, configuration: run.configuration, path: "x")
    #expect(restored.running == state.running)
  }

  /// Its seal is right, and yet no run can have been there.
  @Test(arguments: [(1 << 62, 0), (-1, 0), (0, -1), (0, 1 << 62)])
  func anImpossiblePlaceIsForeign(epoch: Int, step: Int) throws {
    let run = SyntheticRun()
    var state = try run.initialState()
    state.epoch = epoch
    state.step = step
    let bytes = try run.bytes(state)
    #expect(Checksum.isIntact(bytes))
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(bytes: bytes, path: "x") }
    #expect(error?.description.contains("not one that a run can have") == true)
  }

  /// Each number is within the bounds of its kind, and does not fit the others.
  @Test(arguments: [
    "step", "history", "order", "moments", "count", "correct", "faults", "sums", "batch",
    "images",
    "contents",
  ])
  func whatDoesNotFitTogetherIsForeign(what: String) throws {
    let run = SyntheticRun()
    var state = try run.train(ranks: 1)[0]
    #expect(throws: Never.self) { try Checkpoint(bytes: run.bytes(state), path: "x") }
    var record = run.record
    switch what {
    // 11 images in batches of 4 are three steps.
    case "step": state.step = 4
    case "history": state.history.removeLast()
    case "order": state.history.reverse()
    case "moments":
      state.epoch = 1
      state.history.removeLast()
    case "count": state.running.values = [1, 1, 1, 0]
    case "correct":
      state.step = 1
      state.running.values = [1, 3, 2, 0]
    case "faults":
      state.step = 1
      state.running.values = [1, 1, 2, 1]
    case "sums": state.running.values.removeLast()
    case "batch": record.configuration.batchSize = 0
    case "images": record.trainCount = -1
    default: state.digests = ImageDigests(count: 10)
    }
    let bytes = try Checkpoint(record, state, withOptimizer: true).encoded()
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(bytes: bytes, path: "x") }
    #expect(error?.description.contains("not one that a run can have") == true)
  }

  @Test func aSealedFileOfAnotherKindIsForeign() throws {
    var writer = SafeTensorsWriter(metadata: [Checksum.name: Checksum.blank])
    writer.add("x", .init(shape: [1], values: [1 as Float]))
    var bytes = writer.encoded()
    #expect(!Checksum.isIntact(bytes))
    Checksum.write(into: &bytes)
    #expect(Checksum.isIntact(bytes))
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(bytes: bytes, path: "x") }
    guard case .foreign("x", _) = error else {
      Issue.record("the error is \(String(describing: error))")
      return
    }
  }

  /// Written by a version that is yet to come: whole, and not to be guessed at.
  @Test(arguments: [0, 6]) func aSealedFileOfAnotherLayoutIsForeign(format: Int) throws {
    var record = SyntheticRun().record
    record.format = format
    let bytes = try Checkpoint(record, SyntheticRun().initialState(), withOptimizer: true).encoded()
    #expect(Checksum.isIntact(bytes))
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(bytes: bytes, path: "x") }
    #expect(
      error == .foreign("x", "it has layout \(format), this avp-dist reads layouts 1 to 5"))
  }

  @Test func aClassNameThatLooksLikeAChecksumDoesNotMisleadTheSeal() throws {
    var record = SyntheticRun().record
    record.classes = ["\"checksum\":\"" + Checksum.blank + "\"", "checksum", Checksum.blank]
    let state = try SyntheticRun().initialState()
    let bytes = try Checkpoint(record, state, withOptimizer: true).encoded()
    #expect(try Checkpoint(bytes: bytes, path: "x").record == record)
  }

  @Test func bytesWithoutAHeaderHaveNoSeal() {
    for bytes in [[], [1], [255, 255, 255, 255, 255, 255, 255, 255, 1]] as [[UInt8]] {
      #expect(!Checksum.isIntact(bytes))
    }
  }
}
