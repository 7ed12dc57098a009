import Collectives
import FileIO
import Foundation
import Testing

@testable import Training

/// Images whose files are not the ones that the run has read before.
@Suite struct ImageDigestTests {
  private let run = SyntheticRun()

  /// The run as far as its first `steps` steps, on `ranks` ranks.
  private func begun(steps: Int, ranks: Int = 1) throws -> TrainingState {
    var short = run
    short.configuration.maxSteps = steps
    return try short.train(ranks: ranks)[0]
  }

  /// The error of a run that goes on from `state` with the `replaced` files.
  private func failure(
    from state: TrainingState, replaced: Set<String>, ranks: Int
  ) -> TrainingError? {
    var changed = run
    changed.configuration.epochs = 4
    changed.images.replaced = replaced
    let copy = changed
    let results = onEveryRank(of: ThreadWorld(worldSize: ranks)) { try copy.train($0, from: state) }
    for case .failure(let error as TrainingError) in results { return error }
    return nil
  }

  @Test func theDigestIsWhatSha256sumPrintsFirst() {
    // Among so many are some that begin with zeros and some whose highest bit is set.
    for number in 0..<600 {
      let digest = SHA256.Digest(of: Array("\(number)".utf8))
      #expect(ImageDigest(digest).description == digest.hexadecimal.prefix(16))
    }
  }

  @Test(arguments: 1...4) func afterAnEpochAllContentsAreKnownToAll(ranks: Int) throws {
    for state in try run.train(ranks: ranks) {
      let samples = run.manifest.train + run.manifest.validation
      #expect(samples.indices.map { state.digests[$0] } == samples.map(run.images.digest))
    }
  }

  @Test(arguments: 1...3)
  func aReplacedImageIsNamedWhenItIsReadAgain(ranks: Int) throws {
    let state = try begun(steps: 3, ranks: ranks)
    for sample in run.manifest.train + run.manifest.validation {
      let error = failure(from: state, replaced: [sample.path], ranks: 4 - ranks)
      guard case .otherContent(let path, "thread", let here, let before) = error else {
        Issue.record("\(sample.path): \(String(describing: error))")
        continue
      }
      #expect(path == sample.path)
      #expect(before == run.images.digest(sample))
      #expect(here != before)
    }
    #expect(failure(from: state, replaced: [], ranks: 2) == nil)
  }

  @Test func aRankWithOtherFilesIsNoticedInTheSecondEpoch() throws {
    let results = onEveryRank(of: ThreadWorld(worldSize: 2)) { communicator in
      var own = run
      if communicator.rank == 1 {
        own.images.replaced = Set(own.manifest.train.map(\.path))
      }
      return try own.train(communicator).state.epoch
    }
    let errors = results.compactMap { result -> TrainingError? in
      if case .failure(let error as TrainingError) = result { error } else { nil }
    }
    guard case .otherContent = try #require(errors.first) else {
      Issue.record("\(errors)")
      return
    }
    #expect("\(errors[0])".contains("has other content than when this run read it before"))
  }

  @Test func aCheckpointWithoutContentsGoesOn() throws {
    var state = try begun(steps: 3)
    let whole = state.digests
    state.digests = ImageDigests()
    let checkpoint = try Checkpoint(bytes: run.bytes(state), path: "x")
    #expect(checkpoint.digests == nil)
    let resumed = try TrainingState(checkpoint, configuration: run.configuration, path: "x")
    var longer = run
    longer.configuration.epochs = 3
    #expect(try longer.train(ranks: 2, from: resumed)[0].digests == whole)
  }

  @Test func numbersBeyondTheListAreLeftOut() throws {
    var digests = ImageDigests(count: 2)
    let digest = ImageDigest(bits: 5)
    let fresh = [1, 2, -1].map { ImageDigests.Entry(index: $0, digest: digest) }
    try digests.share(fresh, SingleProcess())
    #expect(digests.values == [0, 5])
    #expect(digests[2] == nil && digests[-1] == nil && digests[0] == nil)
  }
}
