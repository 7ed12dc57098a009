import FileIO
import Foundation
import Training

/// Runs mpirun until the training is done, stopped, or has failed too often.
package struct Supervisor {
  /// The command that is started; `doctor` leaves no checkpoints, and has one attempt.
  package var command = "train"
  /// The words after the command; those of `train` with `--output`.
  package let trainWords: [String]
  package let ranks: Int
  package let minRanks: Int
  package let hostfile: Hostfile?
  package let maxRestarts: Int
  /// The folder of the run's checkpoints.
  package let checkpoints: String
  /// From where the first attempt starts.
  package let start: RunStart
  /// This program. Asked for once: a restart must find it under its name after a new one was built.
  package let executable: String
  package let environment: [String: String]
  /// Shows a line to a person.
  package let say: @Sendable (String) -> Void
  /// Runs one attempt to its end; see ``MPIRun/execute(stop:)``.
  package var execute: (MPIRun, StopSignal) throws -> (status: Int32, startFailure: Failure?) = {
    try $0.execute(stop: $1)
  }
  /// Asks the hosts; see ``Hostfile/unusable(of:)``.
  package var unusableHosts: ([Hostfile.Entry]) throws -> [Hostfile.Unusable] =
    Hostfile.unusable(of:)

  /// - Parameters: as the properties of the same names.
  package init(
    trainWords: [String], ranks: Int, minRanks: Int, hostfile: Hostfile?, maxRestarts: Int,
    checkpoints: String, start: RunStart, executable: String, environment: [String: String],
    say: @escaping @Sendable (String) -> Void
  ) {
    self.trainWords = trainWords
    self.ranks = ranks
    self.minRanks = minRanks
    self.hostfile = hostfile
    self.maxRestarts = maxRestarts
    self.checkpoints = checkpoints
    self.start = start
    self.executable = executable
    self.environment = environment
    self.say = say
  }

  /// What follows from the exit status of one attempt.
  package enum Verdict: Equatable {
    case done
    case stopped
    /// The same would happen again: a wrong option, bad data, a folder that cannot be written,
    /// ranks that do not agree.
    case hopeless
    /// A rank or a host was lost.
    case lost
    /// It ended without a checkpoint, but was to end anyway.
    case cutOff
  }

  package static func verdict(status: Int32, stopRequested: Bool) -> Verdict {
    switch ExitStatus(rawValue: status) {
    case .done: .done
    case .stopped: .stopped
    case .usage, .badData, .missingInput, .cannotCreate, .writeFailed, .configuration: .hopeless
    case .unavailable, .internalError, nil: stopRequested ? .cutOff : .lost
    }
  }

  /// Runs and restarts.
  ///
  /// - Parameter stop: asked between attempts, and by each of them. What an urgent signal ends first
  ///   is mpirun; this process then follows.
  /// - Throws: a failure with the reason.
  package func run(_ stop: StopSignal) throws {
    let before = checkpointFiles
    if hostfile != nil { say("avp-dist: " + networks) }
    var attempt = 0
    while true {
      let plan = try startingPlan()
      guard stop.number == 0 else { throw stopped }
      // The file that the user named counts until the run has written checkpoints of its own.
      let isBegun = !startsFromFile || checkpointFiles.contains { before[$0] != $1 }
      let words = mpirunWords(plan, resuming: attempt > 0 && isBegun)
      say("avp-dist: " + words.map(Self.quoted).joined(separator: " "))
      let mpirun = MPIRun(
        words: words, ranks: plan.ranks, hosts: plan.hosts,
        temporaryFolder: environment["TMPDIR"] ?? "/tmp", say: say)
      let (status, startFailure) = try execute(mpirun, stop)
      guard isTraining else { return try end(status, startFailure) }
      switch Self.verdict(status: status, stopRequested: stop.number != 0) {
      case .done: return
      case .stopped: throw stopped
      case .hopeless:
        let known = ExitStatus(rawValue: status) ?? .internalError
        let reason = known.lastingReason.map { ": \($0)" } ?? ""
        throw Failure(
          status: known,
          description: """
            The run ended with status \(status) and is not started again\(reason), see above, and \
            that would not change by itself.
            """)
      case .cutOff:
        throw Failure(
          status: status == ExitStatus.internalError.rawValue ? .internalError : .unavailable,
          description: """
            Ended with status \(status) after the request to stop, without a checkpoint for it. \
            \(wayOn)
            """)
      case .lost: if let startFailure { throw startFailure }
      }
      guard attempt < maxRestarts else {
        throw Failure(
          status: .unavailable,
          description: """
            The run ended with status \(status) after \(maxRestarts) restarts. \(wayOn) More \
            --max-restarts tries longer.
            """)
      }
      attempt += 1
      say(
        "avp-dist: a rank or host was lost (status \(status)); restart \(attempt) of \(maxRestarts)"
      )
    }
  }
}

extension Supervisor {
  private var stopped: Failure { Failure(status: .stopped, description: "Stopped. \(wayOn)") }

  private var isTraining: Bool { command != "doctor" }

  /// The end of what is not started again.
  private func end(_ status: Int32, _ startFailure: Failure?) throws {
    guard status != 0 else { return }
    if let startFailure { throw startFailure }
    throw Failure(
      status: ExitStatus(rawValue: status) ?? .unavailable,
      description: "`\(command)` ended with status \(status), see above.")
  }

  /// What to do to go on, after what the run has left.
  private var wayOn: String {
    guard isTraining else { return "Then try again." }
    return checkpointFiles.isEmpty
      ? "There is no checkpoint yet: the same command starts from the beginning."
      : "The same command with --resume auto goes on from the last checkpoint."
  }
}

// MARK: - The mpirun line

extension Supervisor {
  /// The ranks of one attempt and where they go.
  package struct Plan: Equatable {
    package let ranks: Int
    /// `host:slots` each; empty for this machine alone.
    package let hosts: [Hostfile.Entry]
  }

  private var startsFromFile: Bool { if case .file = start { true } else { false } }

  /// Asks the hosts who is there, and says who is not.
  private func startingPlan() throws -> Plan {
    guard let hostfile else { return Plan(ranks: ranks, hosts: []) }
    let unusable = try unusableHosts(hostfile.entries)
    for host in unusable {
      let words = host.words.isEmpty ? "" : ": \(host.words)"
      say("warning: host \(host.host) \(host.fault) and is left out\(words)")
    }
    let hosts = hostfile.entries.filter { entry in !unusable.contains { $0.host == entry.host } }
    let slots = hosts.reduce(0) { $0 + $1.slots }
    let possible = unusable.isEmpty ? ranks : min(ranks, slots)
    guard !hosts.isEmpty, possible >= minRanks else {
      throw Failure(
        status: .unavailable,
        description: """
          \(hosts.count) of \(hostfile.entries.count) hosts can be used, with \(slots) slots, and \
          the run needs \(minRanks): see to the others, or let it go on with fewer ranks by \
          --min-ranks. \(wayOn)
          """)
    }
    return Plan(ranks: possible, hosts: hosts)
  }

  /// The whole command line of one attempt.
  package func mpirunWords(_ plan: Plan, resuming: Bool) -> [String] {
    var words = ["mpirun", "-n", "\(plan.ranks)", "--oversubscribe", "--bind-to", "none"]
    if !plan.hosts.isEmpty {
      words += ["--host", plan.hosts.map { "\($0.host):\($0.slots)" }.joined(separator: ",")]
      // A host that vanishes without a word is noticed in seconds instead of minutes (see MPIRun),
      // and so is the end of mpirun on the hosts.
      words += ["--mca", "oob_tcp_keepalive_time", "10", "--mca", "oob_tcp_keepalive_intvl", "2"]
      words += ["--mca", "plm_rsh_args", Self.sshWords.joined(separator: " ")]
      for name in Self.sharedVariables where environment[name] != nil { words += ["-x", name] }
    }
    if isOnThisMachine && environment["OMPI_MCA_btl"] == nil {
      // The ranks meet in memory, and none listens on a network.
      words += ["--mca", "btl", "self,vader"]
    }
    if isInContainer {
      // Containers forbid the kernel's copy between processes.
      words += ["--mca", "btl_vader_single_copy_mechanism", "none"]
    }
    if getuid() == 0 { words.append("--allow-run-as-root") }
    return words + [executable, command]
      + (resuming ? Self.resumingAutomatically(trainWords) : trainWords)
  }

  /// How mpirun's ssh finds out that a host has vanished, in 15 seconds, and that it asks nobody.
  private static let sshWords = [
    "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
  ]

  /// Variables that decide what a rank does. Other hosts' ranks have them only if mpirun sends
  /// them.
  private static let sharedVariables = ["AVP_KERNELS", "AVP_WEIGHTS", "XDG_CACHE_HOME"]

  /// The words with `--resume auto` instead of what they said about resuming.
  private static func resumingAutomatically(_ words: [String]) -> [String] {
    var rest = words[...]
    var retained: [String] = []
    while let word = rest.popFirst() {
      if word == "--resume" {
        rest = rest.dropFirst()
      } else if !word.hasPrefix("--resume=") {
        retained.append(word)
      }
    }
    return retained + ["--resume", "auto"]
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

  /// Whether mpirun knows no other hosts: none from here, from a batch system or from its own
  /// configuration.
  private var isOnThisMachine: Bool {
    let hints = ["SLURM_JOB_ID", "SLURM_JOBID", "PBS_NODEFILE", "PE_HOSTFILE", "LSB_JOBID"]
    let own = environment.keys.contains { $0.hasPrefix("OMPI_MCA_") && $0.hasSuffix("hostfile") }
    let defaults = "/etc/openmpi/openmpi-default-hostfile"
    return hostfile == nil && !own && !hints.contains { environment[$0] != nil }
      && (try? Hostfile(path: defaults)) == nil
  }

  /// Which networks MPI uses between hosts.
  private var networks: String {
    let name = "OMPI_MCA_btl_tcp_if_include"
    if let chosen = environment[name] { return "networks: \(chosen)" }
    let folder = "/sys/class/net"
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let open = all.filter { network in
      let state = try? String(contentsOfFile: "\(folder)/\(network)/operstate", encoding: .utf8)
      return network != "lo" && state?.hasPrefix("down") != true
    }
    return
      "MPI may use every network of the hosts (here \(open.sorted().joined(separator: ", "))); "
      + "\(name)=NETWORK names one"
  }

  private var isInContainer: Bool {
    environment["KUBERNETES_SERVICE_HOST"] != nil
      || ["/.dockerenv", "/run/.containerenv"].contains {
        FileManager.default.fileExists(atPath: $0)
      }
  }

  package static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:,=+@%".contains($0) }
    return plain && !word.isEmpty
      ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
