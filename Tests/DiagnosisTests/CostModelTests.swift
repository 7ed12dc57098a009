import Diagnosis
import Testing

@Suite struct CostModelTests {
  private func model(bandwidth: Double = 1.25e8) -> CostModel {
    var model = CostModel(rate: 40)
    (model.bandwidth, model.latency, model.deviation) = (bandwidth, 0.001, 0)
    (model.work.train, model.work.batch, model.work.parameters) = (320, 32, 262_530)
    return model
  }

  @Test func exchangesByTheirFormulas() {
    let bytes = 8.0 * 262_530
    #expect(model().gradientExchange(1) == 0)
    // Two messages to agree, then 2 (N - 1) of an Nth of the sums.
    #expect(abs(model().gradientExchange(2) - (0.002 + 2 * (0.001 + bytes / 2 / 1.25e8))) < 1e-12)
    #expect(abs(model().gradientExchange(8) - (0.006 + 14 * (0.001 + bytes / 8 / 1.25e8))) < 1e-12)
    // Eleven images each.
    let features = 4.0 * 11 * 2050
    #expect(abs(model().featureExchange(3) - (0.004 + 2 * (0.001 + features / 1.25e8))) < 1e-12)
  }

  @Test func aSmallHeadIsSummedAlongATree() {
    var model = model()
    model.work.parameters = 4098
    #expect(abs(model.gradientExchange(4) - (0.004 + 4 * (0.001 + 32_784 / 1.25e8))) < 1e-12)
  }

  @Test func aFastNetworkGivesAllHostsTheirWorth() {
    let rows = model().plan(upTo: 4)
    #expect(rows.map(\.hosts) == [1, 2, 4])
    #expect(rows[0].gradients == 8)
    #expect(rows[0].speedUp == 1 && rows[0].efficiency == 1)
    #expect(abs(rows[2].efficiency - 1) < 0.01)
    #expect(!rows[2].isExchange)
  }

  @Test func aSlowNetworkPrefersFeaturesAndEndsTheGain() {
    let rows = model(bandwidth: 1.25e6).plan(upTo: 6)
    #expect(rows.map(\.hosts) == [1, 2, 4, 6])
    #expect(rows[1].prefersFeatures)
    #expect(rows[1].gradients > 10 * 1.68)
    #expect(rows[3].isExchange)
    #expect(rows[3].efficiency < rows[1].efficiency)
  }

  @Test func whatDoctorHasMeasured() throws {
    let model = try #require(CostModel(soundJob()))
    #expect(abs(model.rate - 1 / (1.0 / 40 + 0.005 / 2)) < 1e-9)
    #expect(model.bandwidth == 1.1e8)
    // An allreduce of a number is two trees over two levels: eight messages behind one another.
    #expect(abs(model.latency - 0.001 / 8) < 1e-12)
    #expect(model.isSound)
    var job = soundJob()
    job.ranks[0].speed = nil
    #expect(CostModel(job) == nil)
    job.ranks = []
    #expect(CostModel(job) == nil)
  }

  @Test(arguments: [0, -1, Int.max, Int.min]) func countsThatNoHostHas(_ count: Int) {
    for change: (inout JobFacts) -> Void in [
      { for index in $0.ranks.indices { $0.ranks[index].processors.threads = count } },
      { $0.work.batch = count }, { $0.work.features = count },
      { if count != 0 { $0.work.train = count } else { $0.work.batch = 0 } },
      { $0.work.parameters = count == 0 ? -1 : count },
    ] {
      var job = soundJob()
      change(&job)
      #expect(CostModel(job)?.isSound != true)
    }
  }

  @Test(arguments: [0, -1, .infinity, .nan]) func numbersThatAreNone(_ rate: Double) {
    #expect(!CostModel(rate: rate).isSound)
  }
}
