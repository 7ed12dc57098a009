import Testing

@testable import Commands

/// Which of several ranks with an error tells it, and when.
@Suite struct ErrorTurnTests {
  /// Seconds until a rank speaks, nil where it does not.
  private func turn(of rank: Int, isTold: (Double) -> Bool = { _ in false }) -> Double? {
    let begin = ContinuousClock.now
    var time = 0.0
    let speaks = awaitTurn(
      of: rank, isToldToEnd: { isTold(time) }, now: { begin + .seconds(time) },
      pause: { time += 0.25 })
    return speaks ? time : nil
  }

  @Test func lowRanksSpeakFirst() {
    #expect((0..<10).map { turn(of: $0) } == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4])
  }

  @Test func whoIsToldToEndMeanwhileIsSilent() {
    #expect(turn(of: 0, isTold: { $0 > 0.3 }) == 0)
    for rank in 1..<9 { #expect(turn(of: rank, isTold: { $0 > 0.3 }) == nil) }
  }

  /// Told before: by mpirun, which then ends it within a second, or by a person.
  @Test func whoWasToldBeforeGivesTheFirstOneTime() {
    #expect((0..<6).map { turn(of: $0, isTold: { _ in true }) } == [0, 1.5, 1.5, 1.5, 2, 2.5])
  }
}
