import Collectives
import Head
import ImageCodecs
import Testing

@testable import Training

/// What a run tells of files that the network sees otherwise than a person does.
@Suite struct ImageTallyTests {
  /// Keeps the tallies that it is told.
  private final class Listener: TrainingObserver {
    private(set) var tallies: [ImageTally] = []

    func note(_ event: TrainingEvent) {
      if case .images(let tally) = event { tallies.append(tally) }
    }
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws {}
  }

  private func tallies(_ run: SyntheticRun, ranks: Int) throws -> [[ImageTally]] {
    try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      let listener = Listener()
      _ = try run.train(communicator, observer: listener)
      return listener.tallies
    }.map { try $0.get() }
  }

  @Test(arguments: 1...3)
  func aRunTellsOnceAndOfAllRanks(ranks: Int) throws {
    var run = SyntheticRun()
    #expect(try tallies(run, ranks: ranks) == Array(repeating: [], count: ranks))
    run.images.turned = [0, 2, 3, 7, 10]
    run.images.skipped = [3]
    let four = ImageTally(Array(repeating: ImageNotes(isTurned: true), count: 4))
    #expect(try tallies(run, ranks: ranks) == Array(repeating: [four], count: ranks))
  }

  @Test(arguments: 1...3)
  func anEvaluationTellsOfAllRanks(ranks: Int) throws {
    let run = SyntheticRun()
    let head = try run.initialState().head
    let results = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try evaluate(
        head, on: run.manifest.train, producer: TurnedImages(), options: RunOptions(),
        communicator: communicator
      ).tally
    }.map { try $0.get() }
    #expect(results.map(\.turned) == Array(repeating: 11, count: ranks))
  }

  private struct TurnedImages: FeatureProducer {
    func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
      { requests, _ in
        try requests.map {
          let images = SyntheticImages()
          return FeatureAnswer(
            $0, features: try images.answer($0), digest: images.digest($0.sample),
            notes: ImageNotes(isTurned: true))
        }
      }
    }
  }

  @Test func words() {
    let (turned, grey) = (ImageNotes(isTurned: true), ImageNotes(isDeepGrey: true))
    #expect(ImageTally([ImageNotes()]).sentence == nil)
    #expect(
      ImageTally([turned, grey, grey]).sentence
        == "1 image has an EXIF orientation other than upright, which is not applied; "
        + "2 images have 16 bits of grey, of which values above 255 become white")
    #expect(ImageTally([turned, turned]).sentence?.hasPrefix("2 images have an EXIF") == true)
    #expect(ImageTally([grey]).sentence?.hasPrefix("1 image has 16 bits") == true)
  }
}
