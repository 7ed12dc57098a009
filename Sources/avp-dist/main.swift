import Collectives
import Foundation
import ImageCodecs
import ImageData
import MPICollectives
import Training
import WeightFiles

/// The tool's version, written into everything it makes.
let toolVersion = "0.2.0-dev"

let commands: [Command] = [
  .train, .report, .evaluate, .predict, .features, .export, .weights, .prepare, .preview, .launch,
  .bench, .demoData,
]

/// The list of commands.
func overview() -> String {
  let width = commands.map(\.name.count).max() ?? 0
  let list = commands.map { "  \($0.name.padding(to: width))  \($0.summary)" }
  return """
    avp-dist \(toolVersion): distributed data-parallel transfer learning of image classifiers on CPUs

    usage: avp-dist <command> [options]
           avp-dist launch -n 4 -- train [options]

    commands:
    \(list.joined(separator: "\n"))

    `avp-dist <command> --help` explains one.
    """
}

/// Finds and runs the command that the words name.
func dispatch(_ words: [String]) throws {
  guard let word = words.first, !["help", "--help", "-h"].contains(word) else {
    print(overview())
    return
  }
  if word == "--version" || word == "version" {
    print("avp-dist \(toolVersion)")
    return
  }
  guard let command = commands.first(where: { $0.name == word }) else {
    throw UsageError(
      Arguments.unknown(word, commands.map(\.name), kind: "command")
        + " `avp-dist help` lists the commands.")
  }
  do {
    let arguments = try Arguments(
      Array(words.dropFirst()), options: command.options, takesOperands: command.operands != nil)
    if arguments.wantsHelp {
      print(command.help)
    } else {
      try command.refuseRanks()
      try command.run(arguments)
    }
  } catch let error as UsageError {
    throw UsageError("\(error) See `avp-dist \(command.name) --help`.")
  }
}

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
  giveWay(Launcher(environment: ProcessInfo.processInfo.environment))
  printError("avp-dist: \(reason(of: error))")
  // At once: libraries' exit handlers must not run under threads that may still compute.
  _exit(ExitStatus(of: error).rawValue)
}
