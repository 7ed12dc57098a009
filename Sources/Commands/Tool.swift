import Collectives
import FileIO
import Foundation
import Launching
import MPICollectives
import Settings
import Training

/// All commands, in the order in which help lists them.
let commands = [
  AnyCommand(TrainCommand.self), AnyCommand(SweepCommand.self), AnyCommand(ReportCommand.self),
  AnyCommand(EvaluateCommand.self), AnyCommand(PredictCommand.self), AnyCommand(LabelsCommand.self),
  AnyCommand(FeaturesCommand.self),
  AnyCommand(ExportCommand.self), AnyCommand(WeightsCommand.self), AnyCommand(PrepareCommand.self),
  AnyCommand(CheckCommand.self), AnyCommand(SimilarCommand.self), AnyCommand(PreviewCommand.self),
  AnyCommand(CalibrateCommand.self),
  AnyCommand(LaunchCommand.self), AnyCommand(DoctorCommand.self), AnyCommand(PlanCommand.self),
  AnyCommand(BenchCommand.self),
  AnyCommand(DemoDataCommand.self), AnyCommand(CompletionsCommand.self),
  AnyCommand(ReferenceCommand.self),
]

/// The list of commands.
private func overview() -> String {
  let width = commands.map(\.name.count).max() ?? 0
  let list = commands.map { "  \($0.name.padding(to: width))  \($0.summary)" }
  return """
    avp-dist \(toolVersion): distributed data-parallel transfer learning of image
    classifiers on CPUs

    usage: avp-dist <command> [options]
           avp-dist launch -n 4 -- train [options]

    commands:
    \(list.joined(separator: "\n"))

    `avp-dist <command> --help` explains one.
    """
}

/// Finds and runs the command that the words name.
private func dispatch(_ words: [String]) throws {
  guard let word = words.first, !["help", "--help", "-h"].contains(word) else {
    printLine(overview())
    return
  }
  if word == "--version" || word == "version" {
    printLine(versionText())
    return
  }
  guard let command = commands.first(where: { $0.name == word }) else {
    let error = UsageError.unknown("command", word, among: commands.map(\.name))
    throw UsageError("\(error) `avp-dist help` lists the commands.")
  }
  do {
    try command.run(
      Array(words.dropFirst()), print: printLine, beforeWork: { try refuseRanks(command) })
  } catch let error as UsageError {
    throw UsageError("\(error) See `avp-dist \(command.name) --help`.")
  }
}

/// Refuses several processes where they would not share the work.
private func refuseRanks(_ command: AnyCommand) throws {
  let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
  guard !command.isForRanks, let starter = launcher.name, launcher.processes ?? 1 > 1 else {
    return
  }
  throw UsageError(
    "`avp-dist \(command.name)` works in one process, and \(starter) has started several; start it "
      + "by itself, or on one rank.")
}

extension String {
  /// The text with spaces after it, up to `width` characters.
  func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

/// Runs the tool to its end: prints what goes wrong and ends the process with its status.
package func runTool() {
  // A peer that goes away, or a file larger than the limit of the process, must be an error of the
  // write, not the end of the process.
  signal(SIGPIPE, SIG_IGN)
  signal(SIGXFSZ, SIG_IGN)
  openStandardStreams()
  do {
    guard SHA256.isAvailable else {
      throw Failure(
        status: .configuration,
        description: """
          OpenSSL's libcrypto cannot compute SHA-256 here, by which files are told apart. See what its \
          configuration loads (`openssl list -providers`, $OPENSSL_CONF).
          """)
    }
    try requireText()
    try dispatch(Array(CommandLine.arguments.dropFirst()))
  } catch {
    deferToRankZero(Launcher(environment: ProcessInfo.processInfo.environment))
    printError("avp-dist: \(reason(of: error))")
    // At once: libraries' exit handlers must not run under threads that may still compute.
    _exit(ExitStatus(of: error).rawValue)
  }
}
