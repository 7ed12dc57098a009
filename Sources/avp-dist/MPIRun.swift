import Dispatch
import Foundation
import Training

/// One mpirun, from its start to its end.
struct MPIRun {
  /// The command line.
  let words: [String]
  /// How many ranks it starts.
  let ranks: Int
  /// The hosts that it uses; empty without a hostfile.
  let hosts: [Hostfile.Entry]

  /// Runs to the end. A request to stop becomes SIGUSR1, which mpirun passes to all ranks; a second
  /// one ends all at once.
  ///
  /// mpirun itself can wait for a quarter of an hour, or for ever, for a host that has vanished
  /// from the network. Its ssh connections notice within seconds: when one of them ends while
  /// mpirun goes on, and a host does not answer any more, mpirun is ended here.
  ///
  /// - Returns: its exit status; 128 + n where signal n ended it.
  func execute(stop: StopSignal) throws -> Int32 {
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
    let isRead = Self.relay(errors.fileHandleForReading)
    watch(process, stop)
    // ssh processes that mpirun has left behind may hold the pipe open.
    _ = isRead.wait(timeout: .now() + 2)
    let status = process.terminationStatus
    guard process.terminationReason == .exit else { return 128 + status }
    if status == 127 {
      throw Failure(
        status: .unavailable, description: "There is no mpirun; install openmpi-bin.")
    }
    return status
  }

  /// Shows what comes through the pipe; the semaphore says when it has been closed.
  private static func relay(_ handle: FileHandle) -> DispatchSemaphore {
    let isRead = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      var messages = MPIRunMessages()
      var rest: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        // The handle's own way of reading waits until all that is asked for has come.
        let count = read(handle.fileDescriptor, &piece, piece.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { break }
        rest += piece[..<count]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
          messages.take(String(decoding: rest[..<end], as: UTF8.self)).forEach(printError)
          rest.removeSubrange(...end)
        }
      }
      if !rest.isEmpty {
        messages.take(String(decoding: rest, as: UTF8.self)).forEach(printError)
      }
      messages.end().forEach(printError)
      isRead.signal()
    }
    return isRead
  }

  /// Passes requests to stop on and looks after the hosts until mpirun has ended.
  private func watch(_ process: Process, _ stop: StopSignal) {
    let mpirun = process.processIdentifier
    var connections: Set<Int32> = []
    var looked = ContinuousClock.now
    let begin = ContinuousClock.now
    var isAsked = false
    while process.isRunning {
      usleep(50_000)
      if stop.isUrgent { return Self.end(process, patience: .seconds(3)) }
      if stop.number != 0, !isAsked, areListening(mpirun, age: ContinuousClock.now - begin) {
        isAsked = true
        kill(mpirun, SIGUSR1)
      }
      guard !hosts.isEmpty, ContinuousClock.now - looked > .seconds(1) else { continue }
      looked = .now
      let open = Set(ProcessTable().children(of: mpirun, named: "ssh"))
      defer { connections = open }
      guard !connections.subtracting(open).isEmpty, process.isRunning else { continue }
      let silent = Hostfile.silent(of: hosts)
      guard !silent.isEmpty, process.isRunning else { continue }
      printError("avp-dist: host \(silent.joined(separator: ", ")) does not answer any more")
      // It could not end in the regular way, which needs that host.
      return Self.end(process, patience: .zero)
    }
  }

  /// Whether all ranks listen: a signal that comes before would kill one, or be lost in mpirun.
  ///
  /// Those of other hosts cannot be seen from here, and mpirun may know hosts from Slurm or from its
  /// own configuration too. So after five seconds they count as listening.
  private func areListening(_ mpirun: Int32, age: Duration) -> Bool {
    if age > .seconds(5) { return true }
    guard hosts.isEmpty else { return false }
    let processes = ProcessTable()
    return processes.descendants(of: mpirun).count { processes.isListening($0) } >= ranks
  }

  /// Ends mpirun and what it has started here; on other hosts its daemons end their ranks when they
  /// miss it.
  ///
  /// - Parameter patience: how long it may take to end by itself.
  private static func end(_ process: Process, patience: Duration) {
    let family = ProcessTable().descendants(of: process.processIdentifier)
    let deadline = ContinuousClock.now + patience
    if patience > .zero { process.terminate() }
    while process.isRunning && ContinuousClock.now < deadline { usleep(20_000) }
    for member in [process.processIdentifier] + family { kill(member, SIGKILL) }
    process.waitUntilExit()
  }
}
