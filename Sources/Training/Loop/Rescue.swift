import Collectives
import Foundation

/// Saves the state behind the last whole step at once where a signal comes while a rank waits.
///
/// On Ctrl-C, and where a rank has died, `mpirun` ends all ranks a second later, in which a step may not
/// end. Where there is more time, the checkpoint behind the step follows as always.
final class Rescue {
  private let stop: StopSignal
  private let observer: any TrainingObserver
  private let communicator: any Communicator
  private var isDone = false

  init(_ stop: StopSignal, _ observer: any TrainingObserver, _ communicator: any Communicator) {
    self.stop = stop
    self.observer = observer
    self.communicator = communicator
  }

  /// Runs `body`, in which this rank waits, for others or for its own workers.
  ///
  /// - Parameter state: what is saved if a signal comes meanwhile. Of several heads each rank has its
  ///   own, so they are not.
  func holding<Result>(
    _ state: TrainingState, _ body: () throws -> Result
  ) rethrows -> Result {
    guard communicator.rank == 0, state.bundle.members.count == 1, state.epoch + state.step > 0
    else { return try body() }
    communicator.whileWaiting = { [self] in
      // Those who send SIGUSR1, as `launch` and Slurm, wait for the end of the step.
      guard !isDone, [SIGTERM, SIGINT].contains(stop.number) else { return }
      isDone = true
      // Where it fails the observer has said so, and the checkpoint behind the step is tried.
      try? observer.save(state, isFinalAttempt: false)
    }
    // Or the next step would copy what it changes.
    defer { communicator.whileWaiting = {} }
    return try body()
  }
}
