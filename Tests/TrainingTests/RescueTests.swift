import Collectives
import Foundation
import Testing

@testable import Training

/// A signal while ranks wait for each other, and their death before the step ends, as under `mpirun`.
@Suite struct RescueTests {
  /// The states that rank 0 was asked to save.
  private final class Saved: TrainingObserver, @unchecked Sendable {
    private(set) var states: [TrainingState] = []
    func note(_ event: TrainingEvent) {}
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws { states.append(state) }
  }

  /// Some images are left out, which the other ranks must have told before.
  private static func run() -> SyntheticRun {
    var run = SyntheticRun()
    run.images.skipped = [2, 7]
    return run
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGUSR1], 2...3)
  func nothingButTheStepUnderWayIsLost(signal: Int32, ranks: Int) throws {
    let run = Self.run()
    let whole = try run.bytes(try run.train(ranks: ranks)[0])
    var rescued: Set<Int> = []
    for operation in 0..<60 {
      // Another rank dies, so the operation in which the signal comes never ends.
      let world = ThreadWorld(worldSize: ranks, death: .init(rank: 1, operation: operation))
      let saved = Saved()
      let results = onEveryRank(of: world) { communicator in
        let stop = StopSignal()
        communicator.isWaitingAt = { if $0 == operation { stop.request(signal) } }
        return try run.train(
          communicator, stop: stop, observer: communicator.rank == 0 ? saved : SilentObserver())
      }
      if results.allSatisfy({ (try? $0.get()) != nil }) { break }
      guard let state = saved.states.last else { continue }
      rescued.insert(state.epoch * run.sampler.stepsPerEpoch + state.step)
      let resumed = try run.train(ranks: 1, from: state)[0]
      #expect(try run.bytes(resumed) == whole, "operation \(operation)")
    }
    // One behind each of the six steps; by SIGUSR1 ends of epochs alone, which are saved anyway.
    #expect(rescued.isSuperset(of: signal == SIGUSR1 ? [3] : [1, 2, 3, 4, 5]))
    #expect(rescued.isSubset(of: signal == SIGUSR1 ? [3, 6] : [1, 2, 3, 4, 5, 6]))
  }

  @Test func ofSeveralHeadsNoneIsSavedWithoutTheOthers() throws {
    var run = Self.run()
    run.configuration.folds = 2
    let (saved, communicator) = (Saved(), SingleProcess())
    let state = try TrainingState(
      HeadBundle([run.configuration], manifest: run.manifest), features: 5, classes: 3,
      trainCount: 11)
    let stop = StopSignal()
    stop.request(SIGTERM)
    Rescue(stop, saved, communicator).holding(state) { communicator.whileWaiting() }
    #expect(saved.states.isEmpty)
  }
}
