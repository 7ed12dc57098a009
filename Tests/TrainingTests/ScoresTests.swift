import Collectives
import Head
import Scoring
import Testing

@testable import Training

/// Scores of outputs that lie on several ranks.
@Suite struct ScoresTests {
  private let outputs: [(label: Int, logits: [Double])] = (0..<11).map { index in
    (label: index % 3, logits: (0..<3).map { Double((index * 7 + $0 * 5) % 11) / 3 })
  }

  /// The same bits, however the images are divided and in whatever pieces they are sent; one rank
  /// may have none.
  @Test(arguments: [1, 2, 100, 1 << 30]) func ranksAgreeWithOne(pieceBytes: Int) throws {
    let alone = try SingleProcess().scores(of: outputs, classes: 3)
    #expect(
      alone
        == ClassifierScores(
          logits: outputs.map(\.logits), labels: outputs.map(\.label), classes: 3))
    let shares = [0..<5, 5..<5, 5..<11].map { Array(outputs[$0]) }
    let scores = try onEveryRank(of: ThreadWorld(worldSize: 3)) { communicator in
      try communicator.scores(
        of: shares[communicator.rank], classes: 3, pieceBytes: pieceBytes)
    }.map { try $0.get() }
    #expect(scores == [alone, alone, alone])
  }

  @Test func noImages() {
    #expect(throws: HeadError.self) { try SingleProcess().scores(of: [], classes: 3) }
  }
}
