import Foundation

extension Command {
  static let launch = Command(
    name: "launch",
    summary: "run mpirun with the flags this machine needs, and restart after a failure",
    operands: "-- train ...",
    discussion: """
      Starts `avp-dist train ...` on N ranks. When a rank or a host dies, the run goes on from its
      last checkpoint, with --min-ranks also without hosts that cannot be used. SIGTERM, SIGINT,
      SIGHUP and SIGUSR1 end it after a checkpoint.
      """,
    options: [
      Option("-n", "N", "ranks"),
      Option("--hostfile", "FILE", "hosts, `NAME slots=N` a line; a host without slots has one"),
      Option("--max-restarts", "R", "how often a failed run is started again (3)"),
      Option("--min-ranks", "M", "fewest ranks to go on with where hosts cannot be used (N)"),
    ],
    run: launch)

  private static func launch(_ arguments: Arguments) throws {
    guard let ranks = try arguments.int("-n", in: 1...65_536) else {
      throw UsageError("-n is needed: the number of ranks.")
    }
    guard arguments.operands.first == "train" else {
      throw UsageError("The command to launch stands at the end: `launch -n 4 -- train ...`.")
    }
    let words = Array(arguments.operands.dropFirst())
    let trainArguments = try Arguments(words, options: train.options, takesOperands: false)
    // Wrong words are found before a folder is made for the run.
    _ = try TrainingRun(trainArguments)
    let minRanks = try arguments.int("--min-ranks", in: 1...ranks) ?? ranks
    let hostfile = try arguments.string("--hostfile").map(Hostfile.init(path:))
    let maxRestarts = try arguments.int("--max-restarts", in: 0...1_000_000) ?? 3
    let start = RunStart(trainArguments)
    let folder = try RunFolder.choose(output: trainArguments.string("--output"), start: start)
    // Where the run has not come to write anything, nothing stays: neither removes a full folder.
    defer { if !trainArguments.has("--output"), rmdir(folder.path) == 0 { rmdir("runs") } }
    let supervisor = Supervisor(
      trainWords: words + (trainArguments.has("--output") ? [] : ["--output", folder.path]),
      ranks: ranks, minRanks: minRanks, hostfile: hostfile, maxRestarts: maxRestarts,
      checkpoints: folder.checkpoints,
      start: start,
      executable: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0],
      environment: ProcessInfo.processInfo.environment)
    try supervisor.run()
  }
}
