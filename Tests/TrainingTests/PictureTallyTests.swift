import Collectives
import Head
import ImageCodecs
import Testing

@testable import Training

/// What a run tells of files that the network sees otherwise than a person does.
@Suite struct PictureTallyTests {
  /// Keeps the tallies that it is told.
  private final class Listener: TrainingObserver {
    private(set) var tallies: [PictureTally] = []

    func note(_ event: TrainingEvent) {
      if case .pictures(let tally) = event { tallies.append(tally) }
    }
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws {}
  }

  private func tallies(_ run: SyntheticRun, ranks: Int) throws -> [[PictureTally]] {
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
    run.pictures.turned = [0, 2, 3, 7, 10]
    run.pictures.skipped = [3]
    let four = PictureTally(Array(repeating: PictureNotes(isTurned: true), count: 4))
    #expect(try tallies(run, ranks: ranks) == Array(repeating: [four], count: ranks))
  }

  @Test(arguments: 1...3)
  func anEvaluationTellsOfAllRanks(ranks: Int) throws {
    let run = SyntheticRun()
    let head = try run.initialState().head
    let results = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try evaluate(
        head, on: run.manifest.train, producer: TurnedPictures(), options: RunOptions(),
        communicator: communicator
      ).tally
    }.map { try $0.get() }
    #expect(results.map(\.turned) == Array(repeating: 11, count: ranks))
  }

  private struct TurnedPictures: FeatureProducer {
    func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
      { requests, _ in
        try requests.map {
          let pictures = SyntheticPictures()
          return FeatureAnswer(
            $0, features: try pictures.answer($0), digest: pictures.digest($0.sample),
            notes: PictureNotes(isTurned: true))
        }
      }
    }
  }

  @Test func words() {
    let (turned, grey) = (PictureNotes(isTurned: true), PictureNotes(isDeepGrey: true))
    #expect(PictureTally([PictureNotes()]).sentence == nil)
    #expect(
      PictureTally([turned, grey, grey]).sentence
        == "1 picture has an EXIF orientation other than upright, which is not applied; "
        + "2 pictures have 16 bits of grey, of which values above 255 become white")
    #expect(PictureTally([turned, turned]).sentence?.hasPrefix("2 pictures have an EXIF") == true)
    #expect(PictureTally([grey]).sentence?.hasPrefix("1 picture has 16 bits") == true)
  }
}
