import ImageData
import Testing

@testable import Training

@Suite struct RequestStreamTests {
  private func plan(
    _ run: SyntheticRun, rank: Int = 0, worldSize: Int = 1
  ) -> StepPlan {
    StepPlan(
      sampler: run.sampler, configuration: run.configuration, rank: rank, worldSize: worldSize)
  }

  private func requests(
    _ run: SyntheticRun, rank: Int = 0, worldSize: Int = 1, epoch: Int = 0, step: Int = 0
  ) -> [FeatureRequest] {
    let stream = RequestStream(
      plan: plan(run, rank: rank, worldSize: worldSize), training: run.manifest.train,
      validation: validation(run), epoch: epoch, step: step)
    return Array(IteratorSequence(stream))
  }

  private func validation(_ run: SyntheticRun) -> [FeatureRequest] {
    run.manifest.validation.enumerated().map {
      FeatureRequest(sample: $1, index: $0, view: nil)
    }
  }

  @Test(arguments: 1...5)
  func everyEpochVisitsEveryImageOnceOnSomeRank(worldSize: Int) {
    let run = SyntheticRun()
    let all = (0..<worldSize).flatMap { rank in
      requests(run, rank: rank, worldSize: worldSize)
    }
    for epoch in 0..<run.configuration.epochs {
      let visited = all.filter { $0.view == epoch }.map(\.index).sorted()
      #expect(visited == Array(0..<run.manifest.train.count))
    }
  }

  @Test func validationFollowsTheFirstEpochAndNoOther() {
    let run = SyntheticRun()
    let all = requests(run)
    let expected =
      Array(repeating: 0, count: 11) + Array(repeating: -1, count: 7)
      + Array(repeating: 1, count: 11)
    #expect(all.map { $0.view ?? -1 } == expected)
  }

  @Test func aResumedStreamIsTheRestOfTheWholeOne() {
    let run = SyntheticRun()
    let whole = requests(run).filter { $0.view != nil }
    for epoch in 0..<2 {
      for step in 0...run.sampler.stepsPerEpoch {
        let rest = requests(run, epoch: epoch, step: step)
        let done = epoch * 11 + min(11, step * 4)
        #expect(rest.filter { $0.view != nil } == Array(whole.dropFirst(done)))
        #expect(rest.filter { $0.view == nil } == validation(run))
      }
    }
  }

  @Test func aStreamBeyondTheLastStepHoldsOnlyValidation() {
    var run = SyntheticRun()
    run.configuration.maxSteps = 1
    #expect(requests(run, epoch: 0, step: 2) == validation(run))
    #expect(requests(run, epoch: 2, step: 0) == validation(run))
  }

  @Test func theStepLimitCutsEpochsShort() {
    var run = SyntheticRun()
    #expect((0..<4).map { plan(run).steps(inEpoch: $0) } == [3, 3, 0, 0])
    run.configuration.maxSteps = 4
    #expect((0..<4).map { plan(run).steps(inEpoch: $0) } == [3, 1, 0, 0])
  }

  @Test func viewsRepeatAfterTheirNumber() {
    var run = SyntheticRun()
    #expect((0..<4).map { plan(run).view(epoch: $0) } == [0, 1, 2, 3])
    run.configuration.views = 3
    #expect((0..<4).map { plan(run).view(epoch: $0) } == [0, 1, 2, 0])
    run.configuration.augmentation = nil
    #expect((0..<4).map { plan(run).view(epoch: $0) } == [nil, nil, nil, nil])
  }
}
