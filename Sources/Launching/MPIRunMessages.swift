import Foundation

/// What `launch` shows of what mpirun writes to its standard error: the ranks' lines as they are,
/// and of mpirun's own boxes one line for those that say something the ranks have not said.
package struct MPIRunMessages {
  /// Where mpirun keeps its own files, for messages.
  package let temporaryFolder: String
  /// Why no rank could begin, where mpirun said so: another start would end in the same way.
  package private(set) var startFailure: Failure?
  /// The lines of a box that has begun and has not ended, with its first rule.
  private var box: [String]?

  package init(temporaryFolder: String) { self.temporaryFolder = temporaryFolder }

  /// Takes one line.
  ///
  /// - Returns: the lines to show now.
  package mutating func take(_ line: String) -> [String] {
    guard line.count >= 70, line.allSatisfy({ $0 == "-" }) else {
      guard box != nil else { return isNoise(line) ? [] : [line] }
      box?.append(line)
      return []
    }
    guard let whole = box, whole.count > 1 else {
      box = [line]
      return []
    }
    box = nil
    return shown(whole.dropFirst()) ?? whole + [line]
  }

  /// What is left where the output ends inside a box.
  package mutating func end() -> [String] {
    defer { box = nil }
    return box ?? []
  }

  /// Whether a line is for Open MPI's developers, and what it means is said elsewhere.
  private mutating func isNoise(_ line: String) -> Bool {
    if line.contains(#/^\[\S+:\d+\] PMIX ERROR: OUT-OF-RESOURCE/#) {
      noteStartFailure(
        .writeFailed, "there is no room for mpirun's own files in \(temporaryFolder)")
    }
    let inner =
      #/^\[\S+:\d+\] (PMIX ERROR|\[\[.*ORTE_ERROR_LOG|Local abort before MPI_INIT|\d+ more process|Set MCA)/#
    let ofInit = [
      "An error occurred in MPI_Init", "on a NULL comm", "MPI_ERRORS_ARE", "   and pot",
    ]
    return line.hasPrefix("mpirun: Forwarding signal") || line.contains(inner)
      || ofInit.contains { line.hasPrefix("*** " + $0) }
  }

  private mutating func noteStartFailure(_ status: ExitStatus, _ reason: String) {
    guard startFailure == nil else { return }
    let remedy = status == .unavailable ? "" : " Make room there, or name another folder in TMPDIR."
    startFailure = Failure(
      status: status, description: "mpirun could not start the ranks: \(reason).\(remedy)")
  }

  /// What to show instead of a box, nil for the box itself.
  private mutating func shown(_ lines: ArraySlice<String>) -> [String]? {
    let text = lines.joined(separator: " ").replacing(#/\s+/#, with: " ")
    // The ranks have said why they end, and the status tells the rest.
    let needless = ["Primary job terminated normally", "mpirun detected that", "MPI_ABORT was"]
    if needless.contains(where: text.hasPrefix) { return [] }
    if let start = startProblem(text) { return start }
    return Self.loss(text).map { ["avp-dist: " + $0] }
  }

  /// What to show of a box about a start that failed.
  private mutating func startProblem(_ text: String) -> [String]? {
    if let match = text.firstMatch(of: #/^A call to mkdir .* Directory: (.*) Error: (.*?) Please/#)
    {
      noteStartFailure(.cannotCreate, "it cannot make the folder \(match.1): \(match.2)")
      return []
    }
    let ofInit = #/^It looks like (orte_init|MPI_INIT) failed .* developer\): (.*?) --> Returned/#
    if let match = text.firstMatch(of: ofInit) {
      noteStartFailure(.unavailable, "in \(match.1), \(match.2)")
      return []
    }
    if text.hasPrefix("mpirun was unable to launch the specified application") {
      noteStartFailure(.unavailable, "a host cannot run \(Self.executable(text))")
    }
    return nil
  }

  private static func executable(_ text: String) -> String {
    (text.firstMatch(of: #/Executable: (.*) Node: (\S+)/#)).map { "\($0.1), on \($0.2)" }
      ?? "this program"
  }

  /// The one word about a rank or host that could not speak for itself.
  private static func loss(_ text: String) -> String? {
    let killed =
      #/^mpirun noticed that process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)/#
    if let match = text.firstMatch(of: killed) {
      return "rank \(match.1) on host \(match.2) was ended by signal \(match.3)"
    }
    if let match = text.firstMatch(of: #/^ORTE has lost comm.* Remote daemon: .* on node (\S+)/#) {
      return "mpirun has lost host \(match.1)"
    }
    if text.hasPrefix("ORTE was unable to reliably start one or more daemons") {
      return
        "mpirun has no connection to its daemon (orted) on a host: the host is gone, or has no "
        + "Open MPI on the PATH of an ssh command, or no network back to this one"
    }
    let connection =
      #/^WARNING: Open MPI failed to TCP .* Local host: (\S+) PID: \d+ Message: (.*) Error: (.*?) ?$/#
    return text.firstMatch(of: connection).map { "on host \($0.1): \($0.2): \($0.3)" }
  }
}
