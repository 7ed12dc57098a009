import Foundation
import Training

/// Runs mpirun until the training is done, stopped, or has failed too often.
struct Supervisor {
  /// The words after `train`, with `--output`.
  let trainWords: [String]
  let ranks: Int
  let minRanks: Int
  let hostfile: Hostfile?
  let maxRestarts: Int
  /// The folder of the run's checkpoints.
  let checkpoints: String
  /// Whether the words name the file of a checkpoint to begin with.
  let beginsWithFile: Bool

  /// What follows from the exit status of one attempt.
  enum Verdict: Equatable {
    case done
    case stopped
    /// The same would happen again: a wrong option, bad data, a folder that cannot be written, ranks that
    /// do not agree.
    case hopeless
    /// A rank or a host was lost.
    case lost
  }

  static func verdict(status: Int32, stopRequested: Bool) -> Verdict {
    switch ExitStatus(rawValue: status) {
    case .done: .done
    case .stopped: .stopped
    case .usage, .badData, .missingInput, .cannotCreate, .writeFailed, .configuration: .hopeless
    case .unavailable, .internalError, nil: stopRequested ? .stopped : .lost
    }
  }

  /// Runs and restarts.
  ///
  /// - Throws: a failure with the reason and the status of the last attempt.
  func run() throws {
    let stop = StopSignal()
    stop.listen()
    let before = checkpointFiles
    var attempt = 0
    while true {
      let plan = try startingPlan()
      // The file that the user named counts until the run has written checkpoints of its own.
      let isBegun = !beginsWithFile || checkpointFiles.contains { before[$0] != $1 }
      let words = mpirunWords(plan, resuming: attempt > 0 && isBegun)
      printError("avp-dist: " + words.map(Self.quoted).joined(separator: " "))
      let status = try Self.execute(words, stop: stop)
      switch Self.verdict(status: status, stopRequested: stop.number != 0) {
      case .done: return
      case .stopped:
        throw Failure(
          status: .stopped, description: "Stopped; the same command with --resume auto goes on.")
      case .hopeless:
        let known = ExitStatus(rawValue: status) ?? .internalError
        throw Failure(
          status: known,
          description: """
            The run ended with status \(status) and is not started again: \
            \(known.lastingReason ?? "unknown"), see above, and that would not change by itself.
            """)
      case .lost: break
      }
      guard attempt < maxRestarts else {
        throw Failure(
          status: .unavailable,
          description: """
            The run ended with status \(status) after \(maxRestarts) restarts. Its checkpoints are \
            intact: --resume auto goes on, more --max-restarts tries longer.
            """)
      }
      attempt += 1
      printError(
        "avp-dist: a rank or host was lost (status \(status)); restart \(attempt) of \(maxRestarts)"
      )
    }
  }
}

// MARK: - The mpirun line

extension Supervisor {
  /// The ranks of one attempt and where they go.
  struct Plan: Equatable {
    let ranks: Int
    /// `host:slots` each; empty for this machine alone.
    let hosts: [Hostfile.Entry]
  }

  /// Asks the hosts who is there, and says who is not.
  private func startingPlan() throws -> Plan {
    guard let hostfile else { return Plan(ranks: ranks, hosts: []) }
    let silent = hostfile.silentHosts()
    for host in silent { printError("warning: host \(host) does not answer and is left out") }
    let hosts = hostfile.entries.filter { !silent.contains($0.host) }
    let slots = hosts.reduce(0) { $0 + $1.slots }
    let possible = silent.isEmpty ? ranks : min(ranks, slots)
    guard !hosts.isEmpty, possible >= minRanks else {
      throw Failure(
        status: .unavailable,
        description: """
          Only \(hosts.count) of \(hostfile.entries.count) hosts answer, with \(slots) slots; \
          --min-ranks asks for \(minRanks).
          """)
    }
    return Plan(ranks: possible, hosts: hosts)
  }

  /// The whole command line of one attempt.
  func mpirunWords(_ plan: Plan, resuming: Bool) -> [String] {
    var words = ["mpirun", "-n", "\(plan.ranks)", "--oversubscribe", "--bind-to", "none", "-q"]
    if !plan.hosts.isEmpty {
      words += ["--host", plan.hosts.map { "\($0.host):\($0.slots)" }.joined(separator: ",")]
      // A host that dies without a word is noticed in seconds instead of minutes.
      words += ["--mca", "oob_tcp_keepalive_time", "10", "--mca", "oob_tcp_keepalive_intvl", "2"]
    }
    if Self.isInContainer {
      // Containers forbid the kernel's copy between processes.
      words += ["--mca", "btl_vader_single_copy_mechanism", "none"]
    }
    if getuid() == 0 { words.append("--allow-run-as-root") }
    return words + [Self.executable, "train"]
      + (resuming ? Self.resumingAutomatically(trainWords) : trainWords)
  }

  /// The words with `--resume auto` in place of what they said about resuming.
  private static func resumingAutomatically(_ words: [String]) -> [String] {
    var rest = words[...]
    var kept: [String] = []
    while let word = rest.popFirst() {
      if word == "--resume" {
        rest = rest.dropFirst()
      } else if !word.hasPrefix("--resume=") {
        kept.append(word)
      }
    }
    return kept + ["--resume", "auto"]
  }

  /// What tells one checkpoint file from another under the same name.
  private struct FileIdentity: Equatable {
    let number: Int?
    let modified: Date?
  }

  /// The files in the run's folder of checkpoints.
  private var checkpointFiles: [String: FileIdentity] {
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: checkpoints)) ?? []
    let pairs = names.filter { !$0.hasPrefix(".") }.map { name in
      let facts = try? files.attributesOfItem(atPath: "\(checkpoints)/\(name)")
      return (
        name,
        FileIdentity(
          number: facts?[.systemFileNumber] as? Int, modified: facts?[.modificationDate] as? Date)
      )
    }
    return Dictionary(pairs) { first, _ in first }
  }

  private static var isInContainer: Bool {
    ["/.dockerenv", "/run/.containerenv"].contains { FileManager.default.fileExists(atPath: $0) }
  }

  private static var executable: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }

  static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:,=+@%".contains($0) }
    return plain && !word.isEmpty
      ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// Runs a command to its end. A request to stop becomes SIGUSR1, which mpirun passes to all ranks.
  ///
  /// - Returns: its exit status; 128 + n where signal n ended it.
  private static func execute(_ words: [String], stop: StopSignal) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    do {
      try process.run()
    } catch {
      throw Failure(
        status: .unavailable, description: "mpirun cannot be started: \(error.localizedDescription)"
      )
    }
    var passedOn = false
    while process.isRunning {
      usleep(50_000)
      if stop.number != 0, !passedOn {
        passedOn = true
        kill(process.processIdentifier, SIGUSR1)
      }
    }
    let status = process.terminationStatus
    guard process.terminationReason == .exit else { return 128 + status }
    if status == 127 {
      throw Failure(
        status: .unavailable, description: "There is no mpirun; install openmpi-bin.")
    }
    return status
  }
}
