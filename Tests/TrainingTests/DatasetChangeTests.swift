import FileIO
import Foundation
import ImageData
import Testing

@testable import Training

/// What a person is told of an image set that is not the run's.
@Suite struct DatasetChangeTests {
  private let scratch: ScratchFolder
  private let manifest = SyntheticRun.manifest(train: 3, validation: 1)

  /// The images of the set, whose bytes are their numbers in the list.
  init() throws {
    scratch = try ScratchFolder()
    for (number, sample) in (manifest.train + manifest.validation).enumerated() {
      try write(UInt8(number), to: sample.path)
    }
  }

  private func write(_ byte: UInt8, to path: String) throws {
    let url = URL(fileURLWithPath: "\(scratch.path)/\(path)")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data([byte]).write(to: url)
  }

  /// What is said where the run had read images of these bytes, in the list's order, nil for none.
  private func change(from bytes: [UInt8?]) throws -> String {
    let run = SyntheticRun()
    var state = try run.initialState()
    state.digests = ImageDigests(
      values: bytes.map { $0.map { ImageDigest(SHA256.Digest(of: [$0])).bits } ?? 0 })
    var record = run.record
    record.trainCount = 3
    return try Checkpoint(record, state, withOptimizer: true)
      .change(to: manifest, root: scratch.path) { _ in }
  }

  @Test func anImageThatWasNotReadYetMayBeAnyOfThePresentOnes() throws {
    let text = try change(from: [0, nil, 2, nil])
    #expect(text.hasSuffix("; the contents are the same, the names are not"))
  }

  @Test func beyondThoseImagesAreNew() throws {
    let text = try change(from: [0, nil, 7, 3])
    #expect(text.contains("; 1 of those there have other contents now or are gone; "))
    #expect(text.hasSuffix("; 1 of those here are new or changed, as train/1.jpg"))
  }
}
