import Testing

@testable import Reports
@testable import Training

struct ProgressMeterTests {
  /// A meter whose time a test moves.
  private final class Clock {
    var now = ContinuousClock.now
    func meter(images: Int = 600, freshEpochs: Int = .max) -> ProgressMeter {
      ProgressMeter(imagesPerEpoch: images, freshEpochs: freshEpochs) { self.now }
    }
  }

  private func epoch(_ number: Int) -> TrainingEvent {
    .epoch(
      EpochMetrics(
        epoch: number, trainLoss: 0, trainAccuracy: 0, validationLoss: 0, validationAccuracy: 0,
        skipped: []), seconds: 1, imagesPerSecond: 1, isBest: false)
  }

  @Test(arguments: [Int.min, -1, 1 << 60, .max]) func impossibleCountsAreShown(count: Int) {
    var meter = ProgressMeter(imagesPerEpoch: 600)
    meter.record(.started(stepsPerEpoch: 60, epochs: 2, completedSteps: 0))
    meter.record(.step(epoch: 1, step: 1, images: count, meanLoss: 0))
    #expect(meter.bar(epoch: 1, loss: 0, width: 79).contains(count < 0 ? " 0/600" : " 600/600"))
    // Nor does an epoch of a foreign checkpoint end the display.
    for epoch in [Int.min, .max] {
      #expect(meter.bar(epoch: epoch, loss: .nan, width: 79).hasPrefix("epoch \(epoch)/2"))
    }
  }

  /// What was there when a run went on inside an epoch is no work of this run.
  @Test func aRunThatGoesOnInsideAnEpochCountsItsOwnImages() {
    let clock = Clock()
    var meter = clock.meter()
    meter.record(.started(stepsPerEpoch: 60, epochs: 1, completedSteps: 52))
    clock.now += .seconds(1)
    meter.record(.step(epoch: 1, step: 53, images: 530, meanLoss: 0))
    #expect(meter.rate == 0)
    clock.now += .seconds(1)
    meter.record(.step(epoch: 1, step: 54, images: 540, meanLoss: 0))
    #expect(meter.rate == 10)
    #expect(meter.bar(epoch: 1, loss: 0, width: 79).contains("540/600  0:06 left  10.0 images/s"))
  }

  /// Validation and checkpoints are no training; nor do they count as what is left.
  @Test func onlyTheTimeOfStepsCounts() {
    let clock = Clock()
    var meter = clock.meter()
    meter.record(.started(stepsPerEpoch: 2, epochs: 3, completedSteps: 0))
    for number in 1...2 {
      for step in 1...2 {
        clock.now += .seconds(10)
        meter.record(.step(epoch: number, step: step, images: 300 * step, meanLoss: 0))
        clock.now += .seconds(5)
        meter.record(.checkpoint(path: "", epoch: number, step: step))
      }
      for done in [0, 100, 200] {
        meter.record(.validating(epoch: number, done: done, total: 200))
        clock.now += .seconds(40)
      }
      meter.record(epoch(number))
    }
    #expect(abs(meter.rate - 30) < 1e-9)
    #expect(meter.bar(epoch: 3, loss: 0, width: 79).contains("0:20 left  30.0 images/s"))
  }

  /// Where later epochs find their features in the cache, only the first ones take time.
  @Test func epochsFromTheCacheAreNotWaitedFor() {
    let clock = Clock()
    var meter = clock.meter(freshEpochs: 2)
    meter.record(.started(stepsPerEpoch: 1, epochs: 40, completedSteps: 0))
    clock.now += .seconds(20)
    meter.record(.step(epoch: 1, step: 1, images: 600, meanLoss: 0))
    #expect(meter.bar(epoch: 1, loss: 0, width: 79).contains("0:20 left  30.0 images/s"))
    meter.record(epoch(1))
    clock.now += .seconds(20)
    meter.record(.step(epoch: 2, step: 1, images: 600, meanLoss: 0))
    meter.record(epoch(2))
    clock.now += .milliseconds(10)
    meter.record(.step(epoch: 3, step: 1, images: 600, meanLoss: 0))
    #expect(abs(meter.rate - 60_000) < 1)
  }

  @Test(arguments: [(3, 384), (999, 1_281_167), (1_000_000, 1)], [(1e-4, 1e-9), (1e6, 1e9)])
  func aBarHasTheWidthThatThereIs(
    size: (epochs: Int, images: Int), pace: (seconds: Double, loss: Double)
  ) {
    let clock = Clock()
    var meter = clock.meter(images: size.images)
    meter.record(.started(stepsPerEpoch: 3, epochs: size.epochs, completedSteps: 0))
    clock.now += .seconds(pace.seconds)
    meter.record(.step(epoch: 1, step: 1, images: size.images / 2, meanLoss: pace.loss))
    let head = "epoch \(size.epochs)/\(size.epochs)"
    for width in 0...120 {
      let bar = meter.bar(epoch: size.epochs, loss: pace.loss, width: width)
      #expect(bar.hasPrefix(head) && bar.count <= max(width, head.count))
      #expect(width < 79 || bar.contains("━") || bar.contains("─"), "\(bar)")
    }
  }
}
