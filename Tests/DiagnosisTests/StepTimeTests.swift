import Diagnosis
import Testing

@Suite struct StepTimeTests {
  private func step(_ rates: [Double], exchange: Double, deviation: Double = 0) -> StepTime {
    StepTime(
      batch: 32, rates: rates, threads: 1, gradient: 0.001, deviation: deviation,
      exchange: exchange, gathersFeatures: false)
  }

  @Test func theSlowestRankCounts() {
    #expect(abs(step([40, 20], exchange: 0).compute - (16.0 / 20 + 0.016)) < 1e-12)
  }

  @Test func aShortExchangeIsHidden() {
    #expect(step([20, 20], exchange: 0.5).seconds == step([20, 20], exchange: 0.1).seconds)
  }

  @Test func aLongExchangeIsWhatAStepTakes() {
    let step = step([20, 20], exchange: 2)
    #expect(step.isExchange)
    #expect(abs(step.seconds - 2.016) < 1e-12)
  }

  @Test func oneRankExchangesNothing() {
    let step = step([20], exchange: 5, deviation: 0.1)
    #expect(step.exchange == 0)
    #expect(step.jitter == 0)
  }

  @Test func everyPairMeetsOnce() {
    for count in 0...9 {
      let rounds = tournament(count)
      #expect(rounds.count == (count < 2 ? 0 : count - 1 + count % 2))
      let pairs = rounds.joined().map { [$0.0, $0.1] }
      #expect(Set(pairs).count == pairs.count)
      #expect(pairs.count == count * (count - 1) / 2)
      for round in rounds {
        let players = round.flatMap { [$0.0, $0.1] }
        #expect(Set(players).count == players.count)
      }
    }
  }
}
