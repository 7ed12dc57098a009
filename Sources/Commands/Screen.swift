import Foundation
import MPICollectives
import Reports

/// What a person looks at while a command works.
enum Screen {
  /// The terminal behind standard output; nil where it goes elsewhere.
  static let output = terminal(behind: STDOUT_FILENO)
  /// The terminal on which a line can be replaced, nil for none.
  static let any: Terminal? = output ?? terminal(behind: STDERR_FILENO)

  private static let launcher = Launcher(environment: ProcessInfo.processInfo.environment)

  /// mpirun gives each rank a terminal of its own for standard output, so there mpirun's own output
  /// counts.
  private static func terminal(behind descriptor: Int32) -> Terminal? {
    let environment = ProcessInfo.processInfo.environment
    guard launcher.usesMPI else { return Terminal(descriptor, environment: environment) }
    let path = "/proc/\(getppid())/fd/\(descriptor)"
    let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? ""
    guard target.hasPrefix("/dev/pts/") || target.hasPrefix("/dev/tty") else { return nil }
    let screen = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)
    return Terminal(descriptor, shownAt: screen, environment: environment)
  }

  /// Runs `work` and shows on rank 0 how far it is, where it lasts; see ``Phase``.
  ///
  /// - Parameters:
  ///   - title: what is being done, such as `predicting`.
  ///   - style: with another one than `auto`, plain lines also on a terminal.
  ///   - work: calls what it is given with how much is done, and of how much, nil where nobody
  ///     knows.
  static func phase<Result>(
    _ title: String, style: ProgressStyle = .auto,
    _ work: (_ update: @escaping (_ done: Int, _ total: Int?) -> Void) throws -> Result
  ) rethrows -> Result {
    guard launcher.rank ?? 0 == 0 else { return try work { _, _ in } }
    return try Phase.during(title, on: style == .auto ? any : nil) { phase in
      try work { phase.update($0, of: $1) }
    }
  }
}
