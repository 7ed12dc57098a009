import FileIO
import Foundation
import Reports
import Testing
import Training

@testable import Commands

/// What rank 0 keeps of a run, where it can and where it cannot.
@Suite struct RunRecorderTests {
  private let demo: DemoRun
  private let state: TrainingState
  private let recorder: RunRecorder
  private let shown = Shown()

  private final class Shown {
    var text = ""
  }

  init() throws {
    demo = try DemoRun()
    let best = try Checkpoint(path: demo.run + "/best.safetensors")
    let record = best.record
    state = try TrainingState(
      record.configuration, features: record.backbone.featureCount,
      classes: record.classes.count, trainCount: record.trainCount)
    let shown = shown
    recorder = RunRecorder(
      GuardedFolder(path: demo.run),
      files: RunFiles(folder: demo.run, keep: nil, record: record, stepsPerEpoch: 1),
      reporter: ProgressReporter(style: .plain, terminal: nil, trainCount: record.trainCount) {
        shown.text += $0
      })
  }

  /// A folder that is not empty stands in the place of a file.
  private func block(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: "\(demo.run)/\(name)/inside", withIntermediateDirectories: true)
  }

  @Test func aModelThatCannotBeWrittenIsAnErrorOfTheRun() throws {
    try block("model.safetensors")
    let error = #expect(throws: (any Error).self) { try recorder.finish(state) }
    #expect(error.map { "\($0)".contains("model.safetensors") } == true)
  }

  @Test func anEndWithEverythingHasAModel() throws {
    try recorder.save(state, isFinalAttempt: false)
    try recorder.finish(state)
    #expect(try Checkpoint(path: demo.run + "/model.safetensors").head == state.head)
    #expect(!shown.text.contains("warning"))
    #expect(try demo.folder.text("run/metrics.jsonl").contains(#""event":"checkpoint""#))
  }

  @Test func aCheckpointMayFailUnlessItIsTheLastAttempt() throws {
    try block("checkpoints/epoch-0000.safetensors")
    try recorder.save(state, isFinalAttempt: false)
    #expect(shown.text.contains("warning: no checkpoint could be written, the run goes on: "))
    #expect(throws: (any Error).self) { try recorder.save(state, isFinalAttempt: true) }
    #expect(throws: (any Error).self) { try recorder.finish(state) }
  }

  /// Where a run goes on behind an epoch, those after it are run again; a torn line goes, too.
  @Test func epochsThatAreRunAgainAreForgotten() throws {
    let lines = [
      #"{"epoch":1,"event":"epoch"}"#, #"{"epoch":2,"event":"checkpoint"}"#,
      #"{"epoch":2,"event":"ranks"}"#, #"{"epoch":2,"event":"epoch"}"#,
      #"{"epoch":3,"event":"ranks"}"#, #"{"epoch":3,"event":"epoch"}"#,
    ]
    _ = try demo.folder.write(
      lines.joined(separator: "\n") + "\n{\"event\":\"ep", "run/metrics.jsonl")
    try recorder.forget(epochsAfter: 2)
    #expect(
      try demo.folder.text("run/metrics.jsonl")
        == lines.dropLast(2).joined(separator: "\n") + "\n")
  }

  @Test func metricsThatCannotBeWrittenAreAWarning() throws {
    try block("metrics.jsonl")
    recorder.note(.warning("x"))
    #expect(shown.text.contains("warning: no line of metrics could be written: "))
  }
}
