import Collectives
import FileIO
import Foundation
import Launching
import MPICollectives
import Synchronization
import Training

/// Runs `body` with the communicator of this process: over MPI under a launcher, else alone.
///
/// An error on one rank ends all ranks, with its message and its exit status.
///
/// - Parameters:
///   - stallAdvice: what the message of a stall ends with: what the running command offers.
///   - isToldToEnd: see ``MPICommunicator``.
func withRanks(
  stallTimeout: Duration?, stallAdvice: String = "",
  isToldToEnd: @escaping () -> Bool = { false }, _ body: (any Communicator) throws -> Void
) throws {
  let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
  guard launcher.usesMPI else {
    return try body(SingleProcess(host: ProcessInfo.processInfo.hostName))
  }
  let communicator = try MPICommunicator(
    launcher: launcher, stallTimeout: stallTimeout, stallStatus: ExitStatus.unavailable.rawValue,
    stallAdvice: stallAdvice)
  communicator.isToldToEnd = isToldToEnd
  do {
    try body(communicator)
    try communicator.close()
  } catch let failure as Failure where failure.isOfAllRanks {
    if communicator.rank == 0 { printError("avp-dist: \(failure)") }
    try communicator.close()
    exit(failure.status.rawValue)
  } catch {
    guard communicator.worldSize > 1 else { throw error }
    let isItsTurn = awaitTurn(of: communicator.rank, isToldToEnd: isToldToEnd) {
      usleep(10_000)
      // A rank that waits here is neither lost nor standing still.
      try? communicator.reportActivity()
    }
    guard isItsTurn else { _exit(ExitStatus(of: error).rawValue) }
    let name = "rank \(communicator.rank), host \(communicator.host)"
    let doing = communicator.activity.isEmpty ? "" : ", \(communicator.activity)"
    printError("avp-dist: \(reason(of: error))\n  (\(name)\(doing); the other ranks end too)")
    communicator.abort(status: ExitStatus(of: error).rawValue)
  }
}

/// Waits until it is a rank's turn to tell its error: where all ranks meet the same one, the first
/// to speak ends the others before they repeat it.
///
/// - Parameter pause: called again and again while it waits.
/// - Returns: false where another rank has spoken, and mpirun tells this one to end meanwhile.
func awaitTurn(
  of rank: Int, isToldToEnd: () -> Bool, now: () -> ContinuousClock.Instant = { .now },
  pause: () -> Void
) -> Bool {
  let wasTold = isToldToEnd()
  let delay = 500 * min(rank, 8)
  // Where it was mpirun that told this rank to end, it is gone a second later, and the first one has
  // spoken; where it was a person who stops the run, the error is told then.
  let deadline = now() + .milliseconds(delay > 0 && wasTold ? max(delay, 1_500) : delay)
  while now() < deadline {
    pause()
    if isToldToEnd() && !wasTold { return false }
  }
  return true
}

/// Lets rank 0 tell an error that all ranks meet before they are joined, such as a wrong option:
/// mpirun ends the others a second after the first.
func deferToRankZero(_ launcher: Launcher) {
  guard launcher.rank ?? 0 > 0 else { return }
  rest(.seconds(2))
}

/// Sleeps. Not in one call: the signal by which mpirun ends this process would cut that short.
private func rest(_ duration: Duration) {
  let deadline = ContinuousClock.now + duration
  while ContinuousClock.now < deadline { usleep(10_000) }
}

/// Runs `body`, which can take long and makes nothing, and lets a request to stop end this process
/// meanwhile with status 75: within a second, also where a file system hangs.
func endingAtOnce<Result>(
  on stop: StopSignal, _ communicator: any Communicator, _ body: () throws -> Result
) rethrows -> Result {
  let watch = StopWatch(stop, rank: communicator.rank, isAlone: communicator.worldSize == 1)
  defer { watch.end() }
  return try body()
}

/// Looks for a request to stop, on a thread of its own, until it is ended.
private final class StopWatch: Sendable {
  private let isOver = Atomic(false)

  init(_ stop: StopSignal, rank: Int, isAlone: Bool) {
    Thread.detachNewThread { [self] in
      while stop.number == 0 {
        if isOver.load(ordering: .relaxed) { return }
        usleep(50_000)
      }
      // Rank 0 speaks, and mpirun ends the others a second later. By SIGTERM it tells all that one of
      // them is gone: until then they say which one.
      let signal = stop.number
      if rank > 0 || signal == SIGTERM && !isAlone { rest(.seconds(2)) }
      guard !isOver.exchange(true, ordering: .relaxed) else { return }
      // Another signal meanwhile is mpirun's: another rank has spoken.
      if stop.number == signal {
        printError(
          "avp-dist: Stopped by a signal before the first step. Nothing has been done: the same "
            + "command starts again.")
      }
      _exit(ExitStatus.stopped.rawValue)
    }
  }

  func end() { isOver.store(true, ordering: .relaxed) }
}
