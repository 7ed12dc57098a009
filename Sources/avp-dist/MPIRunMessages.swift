/// What `launch` shows of what mpirun writes to its standard error: the ranks' lines as they are,
/// and of mpirun's own boxes those that say something the ranks have not said.
struct MPIRunMessages {
  /// The lines of a box that has begun and has not ended, with its first rule.
  private var box: [String]?

  /// Takes one line.
  ///
  /// - Returns: the lines to show now.
  mutating func take(_ line: String) -> [String] {
    guard line.count >= 70, line.allSatisfy({ $0 == "-" }) else {
      guard box != nil else { return line.hasPrefix("mpirun: Forwarding signal") ? [] : [line] }
      box?.append(line)
      return []
    }
    guard let whole = box, whole.count > 1 else {
      box = [line]
      return []
    }
    box = nil
    return Self.shown(whole.dropFirst()) ?? whole + [line]
  }

  /// What is left where the output ends inside a box.
  mutating func end() -> [String] {
    defer { box = nil }
    return box ?? []
  }

  /// What to show in place of a box, nil for the box itself.
  private static func shown(_ lines: ArraySlice<String>) -> [String]? {
    let text = lines.joined(separator: " ")
    // The ranks have said why they end, and the status tells the rest.
    let needless = ["Primary job  terminated normally", "mpirun detected that", "MPI_ABORT was"]
    if needless.contains(where: text.hasPrefix) { return [] }
    // The one word about a rank that could not speak for itself.
    let pattern =
      #/mpirun noticed that process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)/#
    guard let match = text.prefixMatch(of: pattern) else { return nil }
    return ["avp-dist: rank \(match.1) on host \(match.2) was ended by signal \(match.3)"]
  }
}
