import Foundation

/// The hosts of a cluster, as Open MPI's hostfile lists them: `name slots=N` a line, `#` begins a
/// comment.
struct Hostfile: Equatable {
  struct Entry: Equatable {
    let host: String
    let slots: Int
  }

  let entries: [Entry]

  /// Reads the file at `path`.
  init(path: String) throws {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(status: .missingInput, description: "The hostfile \(path) cannot be read.")
    }
    try self.init(text: text, path: path)
  }

  /// Reads the lines of a hostfile; a host without `slots` has one.
  init(text: String, path: String) throws {
    var entries: [Entry] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = line.prefix { $0 != "#" }.replacing(#/\s*=\s*/#, with: "=")
      let words = content.split(whereSeparator: \.isWhitespace)
      guard let host = words.first else { continue }
      var slots = 1
      for word in words.dropFirst() where word.hasPrefix("slots=") {
        guard let count = Int(word.dropFirst(6)), count > 0 else {
          throw Failure(
            status: .badData,
            description: "\(path), line \(number + 1): '\(word)' is no number of slots.")
        }
        slots = count
      }
      // A name that begins with a dash would be an option to ssh.
      guard host.allSatisfy({ $0.isLetter || $0.isNumber || "-_.@:".contains($0) }),
        host.first != "-"
      else {
        throw Failure(
          status: .badData, description: "\(path), line \(number + 1): '\(host)' is no host name.")
      }
      entries.append(Entry(host: String(host), slots: slots))
    }
    guard !entries.isEmpty else {
      throw Failure(status: .badData, description: "The hostfile \(path) names no host.")
    }
    self.entries = entries
  }

  /// Those of `entries` that cannot be reached through ssh within ten seconds; this machine is not
  /// asked.
  ///
  /// ssh's own limit is for the connection only: a login can hang, for example on a home directory
  /// whose server is gone.
  static func silent(of entries: [Entry]) -> [String] {
    let asked = entries.map(\.host).filter { !isOwn($0) }
    let calls = asked.map { host -> (host: String, ssh: Process) in
      let ssh = Process()
      ssh.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      ssh.arguments = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, "true"]
      ssh.standardInput = FileHandle.nullDevice
      ssh.standardOutput = FileHandle.nullDevice
      ssh.standardError = FileHandle.nullDevice
      return (host, ssh)
    }
    let started = calls.filter { (try? $0.ssh.run()) != nil }
    let patience = ContinuousClock.now + .seconds(10)
    while started.contains(where: \.ssh.isRunning) && ContinuousClock.now < patience {
      usleep(20_000)
    }
    for call in started where call.ssh.isRunning {
      kill(call.ssh.processIdentifier, SIGKILL)
      call.ssh.waitUntilExit()
    }
    let answering = started.filter {
      $0.ssh.terminationReason == .exit && $0.ssh.terminationStatus == 0
    }.map(\.host)
    return asked.filter { !answering.contains($0) }
  }

  /// Whether `host` is this machine, by its whole name or the part before the first dot.
  private static func isOwn(_ host: String) -> Bool {
    let own = ProcessInfo.processInfo.hostName
    return ["localhost", "127.0.0.1", own].contains(host)
      || host == own.prefix { $0 != "." } || host.prefix { $0 != "." } == own
  }
}
