import Testing

@testable import Head

struct LearningRateScheduleTests {
  @Test func constantNeverChanges() throws {
    let schedule = try LearningRateSchedule(base: 0.01, epochs: 3)
    for step in 0..<100 { #expect(schedule.rate(step: step, stepsPerEpoch: 22) == 0.01) }
  }

  @Test(arguments: LearningRateSchedule.Shape.allCases) func warmUpRisesToTheBase(
    shape: LearningRateSchedule.Shape
  ) throws {
    let schedule = try LearningRateSchedule(shape: shape, base: 0.1, epochs: 5, warmupEpochs: 2)
    for step in 0..<20 {
      let expected = 0.1 * Double(step + 1) / 20
      #expect(abs(schedule.rate(step: step, stepsPerEpoch: 10) - expected) < 1e-16)
    }
    #expect(schedule.rate(step: 20, stepsPerEpoch: 10) == 0.1)
  }

  @Test func cosineFallsToZero() throws {
    let schedule = try LearningRateSchedule(shape: .cosine, base: 2, epochs: 10, warmupEpochs: 2)
    #expect(schedule.rate(step: 200, stepsPerEpoch: 100) == 2)
    #expect(abs(schedule.rate(step: 400, stepsPerEpoch: 100) - (1 + 0.5.squareRoot())) < 1e-15)
    #expect(abs(schedule.rate(step: 600, stepsPerEpoch: 100) - 1) < 1e-15)
    #expect(schedule.rate(step: 1_000, stepsPerEpoch: 100) == 0)
    #expect(schedule.rate(step: 5_000, stepsPerEpoch: 100) == 0)
    let rates = (200...1_000).map { schedule.rate(step: $0, stepsPerEpoch: 100) }
    #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
  }

  @Test func stepsDecayOnTheirEpochs() throws {
    let schedule = try LearningRateSchedule(
      shape: .step, base: 1, epochs: 9, warmupEpochs: 1, decayEpochs: 3, decayRate: 0.5)
    let rates = (0..<9).map { schedule.rate(step: $0 * 7 + 6, stepsPerEpoch: 7) }
    #expect(rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25])
  }

  @Test func warmUpMayLastTheWholeRun() throws {
    let schedule = try LearningRateSchedule(shape: .cosine, base: 1, epochs: 2, warmupEpochs: 2)
    #expect(schedule.rate(step: 7, stepsPerEpoch: 4) == 1)
    #expect(schedule.rate(step: 8, stepsPerEpoch: 4) == 0)
  }

  @Test func valuesOutOfRangeAreRefused() {
    for (base, epochs, warmup, decayEpochs, decayRate) in [
      (0.0, 3, 0.0, 30.0, 0.1), (-1, 3, 0, 30, 0.1), (.nan, 3, 0, 30, 0.1),
      (.infinity, 3, 0, 30, 0.1),
      (1, 0, 0, 30, 0.1), (1, 3, -1, 30, 0.1), (1, 3, 4, 30, 0.1), (1, 3, .nan, 30, 0.1),
      (1, 3, 0, 0, 0.1), (1, 3, 0, 30, 0), (1, 3, 0, 30, 1.5),
    ] {
      #expect(throws: HeadError.self) {
        try LearningRateSchedule(
          shape: .step, base: base, epochs: epochs, warmupEpochs: warmup, decayEpochs: decayEpochs,
          decayRate: decayRate)
      }
    }
  }
}
