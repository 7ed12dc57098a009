import Collectives
import Foundation
import Head
import Testing

@testable import Training

/// What ends the wait for other ranks, and all ranks with it, before the step ends: a signal under `mpirun`, or
/// the death of a rank.
@Suite struct RescueTests {
  /// What rank 0 was asked to save, and the last step that it took.
  private final class Saved: TrainingObserver, @unchecked Sendable {
    private(set) var states: [TrainingState] = []
    private(set) var taken = 0
    let stepsPerEpoch: Int

    init(_ run: SyntheticRun) { stepsPerEpoch = run.sampler.stepsPerEpoch }

    func note(_ event: TrainingEvent) {
      guard case .step(let epoch, let step, _, _) = event else { return }
      taken = (epoch - 1) * stepsPerEpoch + step
    }
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws { states.append(state) }

    /// The whole steps that are saved.
    var steps: [Int] { states.map { $0.epoch * stepsPerEpoch + $0.step } }
  }

  /// Some images are left out, of which the other ranks must have told before.
  private static func run(_ optimizer: OptimizerKind) -> SyntheticRun {
    var run = SyntheticRun()
    run.images.skipped = [2, 7]
    run.configuration.optimizer = optimizer
    return run
  }

  @Test(arguments: [OptimizerKind.adam, .lbfgs], 2...3)
  func whereARankDiesNothingButTheStepUnderWayIsLost(
    optimizer: OptimizerKind, ranks: Int
  ) throws {
    let run = Self.run(optimizer)
    let whole = try run.bytes(try run.train(ranks: ranks)[0])
    var operation = 0
    while true {
      let world = ThreadWorld(worldSize: ranks, death: .init(rank: 1, operation: operation))
      let saved = Saved(run)
      let results = onEveryRank(of: world) { communicator in
        try run.train(communicator, observer: communicator.rank == 0 ? saved : SilentObserver())
      }
      if results.allSatisfy({ (try? $0.get()) != nil }) { break }
      #expect(saved.taken == 0 || saved.steps.last == saved.taken, "operation \(operation)")
      if let state = saved.states.last {
        let resumed = try run.train(ranks: 1, from: state)[0]
        #expect(try run.bytes(resumed) == whole, "operation \(operation)")
      }
      operation += 1
    }
    #expect(operation > 15)
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGUSR1])
  func aSignalIsAnsweredAtOnce(signal: Int32) throws {
    let run = Self.run(.adam)
    for operation in 0..<24 {
      let saved = Saved(run)
      let results = onEveryRank(of: ThreadWorld(worldSize: 2)) { communicator in
        let stop = StopSignal()
        communicator.isWaitingAt = { current in
          guard current == operation, communicator.rank == 0 else { return }
          let before = saved.steps.last ?? 0
          stop.request(signal)
          communicator.whileWaiting()
          #expect((saved.steps.last ?? 0) == (signal == SIGUSR1 ? before : saved.taken))
        }
        let observer: any TrainingObserver = communicator.rank == 0 ? saved : SilentObserver()
        _ = try run.train(communicator, stop: stop, observer: observer)
      }
      for result in results { try result.get() }
    }
  }

  /// The record of a resumed run may differ from that of the checkpoint, which others may go on from.
  @Test func whereNoStepWasTakenNothingIsSaved() throws {
    let run = Self.run(.adam)
    let start = Saved(run)
    _ = try run.train(SingleProcess(), observer: start)
    let state = try #require(start.states.first)
    let saved = Saved(run)
    _ = onEveryRank(of: ThreadWorld(worldSize: 2, death: .init(rank: 1, operation: 0))) {
      try run.train($0, from: state, observer: $0.rank == 0 ? saved : SilentObserver())
    }
    #expect(saved.states.isEmpty)
  }
}
