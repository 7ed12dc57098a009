import Testing

@testable import Reports

struct ProgressMeterTests {
  @Test(arguments: [Int.min, -1, 1 << 60, .max]) func impossibleCountsAreShown(count: Int) {
    var meter = ProgressMeter(picturesPerEpoch: 600)
    meter.record(.started(stepsPerEpoch: 60, epochs: 2, completedSteps: 0))
    meter.record(.step(epoch: 1, step: 1, pictures: count, meanLoss: 0))
    #expect(meter.bar(epoch: 1, loss: 0).contains(count < 0 ? " 0/600" : " 600/600"))
  }

  /// What was there when a run went on inside an epoch is no work of this run.
  @Test func aRunThatGoesOnInsideAnEpochCountsItsOwnPictures() {
    var meter = ProgressMeter(picturesPerEpoch: 600)
    meter.record(.started(stepsPerEpoch: 60, epochs: 1, completedSteps: 52))
    meter.record(.step(epoch: 1, step: 53, pictures: 530, meanLoss: 0))
    #expect(meter.rate == 0)
    meter.record(.step(epoch: 1, step: 54, pictures: 540, meanLoss: 0))
    let begin = ContinuousClock.now
    while ContinuousClock.now - begin < .milliseconds(50) {}
    // 10 pictures in at least 50 ms, and not 540.
    #expect(meter.rate > 0 && meter.rate <= 200)
  }
}
