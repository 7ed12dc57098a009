import Collectives
import Foundation

/// Saves the state behind the last whole step where this rank may not come to the end of the next one.
///
/// On Ctrl-C, and where a rank has died, `mpirun` ends all ranks after a second, and a step may take
/// longer; where a rank stands still, the exchange fails. Where there is more time, the checkpoint behind
/// the step follows as always.
final class Rescue {
  private let stop: StopSignal
  private let observer: any TrainingObserver
  private let communicator: any Communicator
  /// Where the newest checkpoint stands.
  private var saved: [Int]
  /// Whether the signal has been answered.
  private var isDone = false

  /// - Parameter start: where the run begins, or goes on from.
  init(
    _ stop: StopSignal, _ observer: any TrainingObserver, _ communicator: any Communicator,
    from start: TrainingState
  ) {
    self.stop = stop
    self.observer = observer
    self.communicator = communicator
    saved = [start.epoch, start.step]
  }

  /// Has a checkpoint saved; see ``TrainingObserver/save(_:isFinalAttempt:)``.
  func save(_ state: TrainingState, isFinalAttempt: Bool) throws {
    try observer.save(state, isFinalAttempt: isFinalAttempt)
    saved = [state.epoch, state.step]
  }

  /// Whether a state is saved where this rank waits: by rank 0, and not of several heads, of which each
  /// rank has its own.
  func keeps(_ state: TrainingState) -> Bool {
    communicator.rank == 0 && communicator.worldSize > 1 && state.bundle.members.count == 1
  }

  /// Runs `body`, in which this rank waits, for others or for its own workers.
  ///
  /// - Parameter state: what is saved if a signal comes meanwhile, or the exchange fails.
  func holding<Result>(
    _ state: TrainingState, _ body: () throws -> Result
  ) throws -> Result {
    guard keeps(state) else { return try body() }
    let outer = communicator.whileWaiting
    communicator.whileWaiting = { [self] in
      // Those who send SIGUSR1, as `launch` and Slurm, wait for the end of the step.
      guard !isDone, [SIGTERM, SIGINT].contains(stop.number) else { return }
      isDone = true
      keep(state)
    }
    // A state that is held on to would be copied by the step that changes it.
    defer { communicator.whileWaiting = outer }
    do {
      return try body()
    } catch let error as CollectiveError {
      keep(state)
      throw error
    }
  }

  private func keep(_ state: TrainingState) {
    guard saved != [state.epoch, state.step] else { return }
    do {
      try save(state, isFinalAttempt: true)
    } catch {
      observer.note(.warning("the last whole step could not be saved: \(error)"))
    }
  }
}

extension Trainer {
  /// Runs `body`, which waits for other ranks and changes the state; see ``Rescue/holding(_:_:)``.
  mutating func held(_ body: (inout Trainer) throws -> Void) throws {
    guard rescue.keeps(state) else { return try body(&self) }
    let before = state
    try rescue.holding(before) { try body(&self) }
  }
}
