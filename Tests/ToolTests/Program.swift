import Foundation

/// How a program ended.
struct Outcome: Sendable {
  /// The exit status; 128 + n where signal n ended it, -1 where the time limit did.
  let status: Int32
  let output: String
  let errors: String

  /// The lines of the standard output.
  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// A program of the package that runs, with its output in files.
final class Program {
  /// Where the package's programs are built: beside the tests.
  static let folder: String = {
    let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: own ?? CommandLine.arguments[0]).deletingLastPathComponent().path
  }()

  static let tool = folder + "/avp-dist"
  static let rankCheck = folder + "/rank-check"

  private let process = Process()
  private let scratch: TemporaryFolder
  private let deadline: Date

  /// Starts `words`, the first of which is the program's path or a name on the PATH.
  ///
  /// - Parameters:
  ///   - folder: the current folder of the program.
  ///   - environment: variables besides those of the tests.
  ///   - seconds: after this time the program is ended.
  init(
    _ words: [String], in folder: String? = nil, environment: [String: String] = [:],
    seconds: Double = 150
  ) throws {
    scratch = try TemporaryFolder()
    deadline = Date(timeIntervalSinceNow: seconds)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = Self.environment(adding: environment)
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try scratch.file("output")
    process.standardError = try scratch.file("errors")
    // The threads that run tests block signals, and a program inherits that.
    var none = sigset_t()
    var blocked = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &blocked)
    defer { pthread_sigmask(SIG_SETMASK, &blocked, nil) }
    try process.run()
  }

  var id: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// Waits for the end.
  func wait() throws -> Outcome {
    while process.isRunning && Date() < deadline { usleep(5_000) }
    let isLate = process.isRunning
    if isLate { end() }
    let status = process.terminationStatus
    return Outcome(
      status: isLate ? -1 : process.terminationReason == .exit ? status : 128 + status,
      output: try scratch.text("output"), errors: try scratch.text("errors"))
  }

  /// Waits until `condition` holds; false where the program ended first.
  func wait(until condition: () -> Bool) -> Bool {
    while process.isRunning && Date() < deadline {
      if condition() { return true }
      usleep(2_000)
    }
    return condition()
  }

  /// Ends the program and what it started, first in a way that lets it clean up.
  private func end() {
    let family = descendants()
    process.terminate()
    let deadline = Date(timeIntervalSinceNow: 5)
    while process.isRunning && Date() < deadline { usleep(10_000) }
    for process in family + [id] { kill(process, SIGKILL) }
    process.waitUntilExit()
  }

  /// The processes that this one started, and those that they started.
  func descendants() -> [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    var parents: [Int32: Int32] = [:]
    for name in all {
      guard let id = Int32(name),
        let line = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
        let facts = line.split(separator: ")").last?.split(separator: " "), facts.count > 1
      else { continue }
      parents[id] = Int32(facts[1])
    }
    var family: Set<Int32> = [id]
    while true {
      let more = parents.filter { family.contains($0.value) && !family.contains($0.key) }.keys
      if more.isEmpty { return family.subtracting([id]).sorted() }
      family.formUnion(more)
    }
  }

  /// The ranks among the descendants, by rank.
  func ranks() -> [Int32] {
    descendants().compactMap { id -> (Int, Int32)? in
      guard let data = FileManager.default.contents(atPath: "/proc/\(id)/environ") else {
        return nil
      }
      let name = "OMPI_COMM_WORLD_RANK="
      let variables = String(decoding: data, as: UTF8.self).split(separator: "\0")
      return variables.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
        .map { ($0, id) }
    }.sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// The variables of the tests without those that would change what the programs do.
  private static func environment(adding more: [String: String]) -> [String: String] {
    let foreign = ["AVP_", "OMPI_", "PMIX_", "PMI_", "SLURM_"]
    var variables = ProcessInfo.processInfo.environment.filter { name, _ in
      !foreign.contains { name.hasPrefix($0) }
    }
    variables["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
    variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    variables["XDG_CACHE_HOME"] = Workshop.root + "/cache"
    return variables.merging(more) { $1 }
  }
}

/// Runs a program to its end.
func run(
  _ words: [String], in folder: String? = nil, environment: [String: String] = [:],
  seconds: Double = 150
) throws -> Outcome {
  try Program(words, in: folder, environment: environment, seconds: seconds).wait()
}

/// The words that start `program` on `ranks` ranks; without a launcher where it is nil.
func onRanks(_ ranks: Int?, _ program: [String]) -> [String] {
  guard let ranks else { return program }
  return ["mpirun", "--oversubscribe", "-n", "\(ranks)"] + program
}
