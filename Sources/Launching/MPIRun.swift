import Dispatch
import FileIO
import Foundation
import Synchronization
import Training

/// One mpirun, from its start to its end.
package struct MPIRun {
  /// The command line.
  package let words: [String]
  /// How many ranks it starts.
  package let ranks: Int
  /// The hosts that it uses; empty without a hostfile.
  package let hosts: [Hostfile.Entry]
  /// Where mpirun keeps its own files.
  package let temporaryFolder: String
  /// Shows a line to a person.
  package let say: @Sendable (String) -> Void

  /// Runs to the end. A request to stop becomes SIGUSR1, which mpirun passes to all ranks; a second
  /// one ends all at once.
  ///
  /// - Returns: its exit status, 128 + n where signal n ended it; and why no rank began, where
  ///   mpirun said so.
  package func execute(stop: StopSignal) throws -> (status: Int32, startFailure: Failure?) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let errors = Pipe()
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw Failure(
        status: .unavailable, description: "mpirun cannot be started: \(error.localizedDescription)"
      )
    }
    let relay = Relay(errors.fileHandleForReading, temporaryFolder, say)
    RunWatch(
      ranks: ranks, connectionCount: connectionCount, job: job(process, stop), say: say
    ).untilTheEnd()
    // ssh processes that mpirun has left behind may hold the pipe open.
    _ = relay.isRead.wait(timeout: .now() + 2)
    let startFailure = relay.startFailure.withLock { $0 }
    let status = process.terminationStatus
    guard process.terminationReason == .exit else { return (128 + status, startFailure) }
    if status == 127 {
      throw Failure(
        status: .unavailable, description: "There is no mpirun; install openmpi-bin.")
    }
    return (status, startFailure)
  }

  /// Shows what comes through mpirun's standard error.
  private final class Relay: Sendable {
    /// Says when it has been closed.
    let isRead = DispatchSemaphore(value: 0)
    let startFailure = Mutex<Failure?>(nil)

    init(
      _ handle: FileHandle, _ temporaryFolder: String, _ say: @escaping @Sendable (String) -> Void
    ) {
      Thread.detachNewThread { [self] in
        var messages = MPIRunMessages(temporaryFolder: temporaryFolder)
        func show(_ line: some Sequence<UInt8>) {
          messages.take(String(decoding: Array(line), as: UTF8.self)).forEach(say)
        }
        var rest: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
          // The handle's own way of reading waits until all that is asked for has come.
          let count = read(handle.fileDescriptor, &piece, piece.count)
          if count < 0 && errno == EINTR { continue }
          guard count > 0 else { break }
          rest += piece[..<count]
          while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            show(rest[..<end])
            rest.removeSubrange(...end)
          }
        }
        if !rest.isEmpty { show(rest) }
        messages.end().forEach(say)
        startFailure.withLock { $0 = messages.startFailure }
        isRead.signal()
      }
    }
  }

  /// How many other hosts mpirun connects to; where there are more, these connect to the rest.
  private var connectionCount: Int { min(64, hosts.count { !Hostfile.isOwn($0.host) }) }

  /// What there is to know of `process`, from the system.
  private func job(_ process: Process, _ stop: StopSignal) -> RunningJob {
    let mpirun = process.processIdentifier
    return RunningJob(
      isRunning: { process.isRunning }, isToStop: { stop.number != 0 },
      isUrgent: { stop.isUrgent },
      connections: { Set(ProcessTable().children(of: mpirun, named: "ssh")) },
      hasChildren: { ProcessTable().hasChildren(mpirun) },
      listeningRanks: {
        let processes = ProcessTable()
        return processes.descendants(of: mpirun).count { processes.isListening($0) }
      },
      unusableHosts: { (try? Hostfile.unusable(of: hosts)) ?? [] },
      requestStop: { kill(mpirun, SIGUSR1) }, end: { Self.end(process, timeout: $0) },
      now: { .now }, sleep: { usleep(UInt32($0 / .microseconds(1))) })
  }

  /// Ends mpirun and what it has started here; on other hosts its daemons end their ranks when they
  /// miss it.
  ///
  /// - Parameter timeout: how long it may take to end by itself.
  private static func end(_ process: Process, timeout: Duration) {
    let family = ProcessTable().descendants(of: process.processIdentifier)
    let deadline = ContinuousClock.now + timeout
    if timeout > .zero { process.terminate() }
    while process.isRunning && ContinuousClock.now < deadline { usleep(20_000) }
    for member in [process.processIdentifier] + family { kill(member, SIGKILL) }
    process.waitUntilExit()
  }
}
