import Foundation
import Launching
import Settings
import Training

/// `launch`: mpirun with the flags this machine needs, and restarts.
struct LaunchCommand: Command {
  static let name = "launch"
  static let summary = "run mpirun with the flags this machine needs, and restart after a failure"
  static let discussion = """
    Starts `avp-dist train ...` on N ranks. When a rank or a host dies, it starts them again \
    from the last checkpoint, and with --min-ranks leaves out hosts that cannot be used. SIGTERM, \
    SIGINT, SIGHUP and SIGUSR1 end the run after a checkpoint. `sweep` is started in the same way. \
    `doctor` in the place of `train` looks \
    at the hosts first, and is not started again.
    """
  static let operands: String? = "-- train|sweep|doctor ..."
  static let example = "avp-dist launch -n 4 -- train --data data --epochs 10"
  static let settings: [Setting<Self>] = {
    let group = "Ranks"
    return [
      Setting("n", \.ranks, "N", in: .from(1, to: 65_536), "how many ranks", group: group),
      Setting(
        "hostfile", \.hostfile, "FILE",
        "file with one host on each line: `NAME slots=N`; without slots it has one", group: group,
        completion: .files),
      Setting(
        "max-restarts", \.maxRestarts, "R", in: .from(0, to: 1_000_000),
        "how often a run that lost a rank or host is started again", group: group),
      Setting(
        "min-ranks", \.minRanks, "M", in: .atLeast(1),
        "if hosts cannot be used, go on with as few as M ranks", group: group, shown: "N"),
    ]
  }()

  var ranks: Int?
  var hostfile: String?
  var maxRestarts = 3
  var minRanks: Int?
  /// The words behind the command, and what they say about the run.
  private var words: [String] = []
  private var runSettings = RunSettings()
  /// The command to start.
  private var command = TrainCommand.name
  /// Whether the hosts are looked at, and nothing is trained.
  private var isExamination: Bool { command == DoctorCommand.name }

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard let ranks else { throw UsageError("-n is needed: the number of ranks.") }
    let known = [TrainCommand.name, SweepCommand.name, DoctorCommand.name]
    guard let word = operands.first, known.contains(word) else {
      throw UsageError("The command to launch stands at the end: `launch -n 4 -- train ...`.")
    }
    command = word
    if let minRanks, minRanks > ranks {
      throw UsageError("--min-ranks takes a whole number from 1 to \(ranks), not '\(minRanks)'.")
    }
    words = Array(operands.dropFirst())
    // Wrong words are found before a folder is made for the run.
    switch word {
    case DoctorCommand.name: _ = try Self.read(DoctorCommand.self, words)
    case SweepCommand.name: runSettings = try Self.read(SweepCommand.self, words).runSettings
    default: runSettings = try Self.read(TrainCommand.self, words).runSettings
    }
  }

  private static func read<Some: Command>(
    _ type: Some.Type, _ words: [String]
  ) throws(UsageError) -> Some {
    let words = try CommandWords(words, known: Some.settings.map(\.facts))
    var command = try Some(words)
    try command.take(words.operands)
    return command
  }

  func run() throws {
    guard let ranks else { preconditionFailure("take(_:) comes first") }
    let hostfile = try hostfile.map(Hostfile.init(path:))
    if isExamination {
      return try run(supervisor(words, ranks, hostfile, checkpoints: "", start: .afresh))
    }
    let start = runSettings.start
    let folder = try RunFolder.choose(output: runSettings.output, start: start)
    let isNamed = runSettings.output != nil
    // A run that has not come as far as writing leaves nothing behind.
    defer { if !isNamed { folder.removeIfEmpty() } }
    try run(
      supervisor(
        words + (isNamed ? [] : ["--output", folder.path]), ranks, hostfile,
        checkpoints: folder.checkpoints, start: start))
  }

  private func supervisor(
    _ words: [String], _ ranks: Int, _ hostfile: Hostfile?, checkpoints: String, start: RunStart
  ) -> Supervisor {
    var supervisor = Supervisor(
      trainWords: words, ranks: ranks, minRanks: minRanks ?? ranks, hostfile: hostfile,
      maxRestarts: isExamination ? 0 : maxRestarts, checkpoints: checkpoints, start: start,
      executable: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0],
      environment: ProcessInfo.processInfo.environment, say: printError)
    supervisor.command = command
    return supervisor
  }

  private func run(_ supervisor: Supervisor) throws {
    let stop = StopSignal()
    stop.listen(onSecond: .none)
    try supervisor.run(stop)
  }
}
