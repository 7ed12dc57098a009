import Foundation

/// The hosts of a cluster, as Open MPI's hostfile lists them: `name slots=N` a line, `#` begins a comment.
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
      let content = line.prefix { $0 != "#" }
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

  /// The hosts that ssh cannot reach within a few seconds; this machine is not asked.
  func silentHosts() -> [String] {
    let own: Set<String> = ["localhost", "127.0.0.1", ProcessInfo.processInfo.hostName]
    let asked = entries.map(\.host).filter { !own.contains($0) }
    let calls = asked.map { host -> (String, Process) in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host, "true",
      ]
      process.standardError = FileHandle.nullDevice
      return (host, process)
    }
    let started = calls.filter { (try? $0.1.run()) != nil }
    for (_, process) in started { process.waitUntilExit() }
    let answering = started.filter { $0.1.terminationStatus == 0 }.map(\.0)
    return asked.filter { !answering.contains($0) }
  }
}
