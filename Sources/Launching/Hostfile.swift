import Foundation

/// The hosts of a cluster, as Open MPI's hostfile lists them: `name slots=N` a line, `#` begins a
/// comment.
package struct Hostfile: Equatable {
  package struct Entry: Equatable {
    package let host: String
    package let slots: Int
  }

  package let entries: [Entry]

  /// How many slots a host may have: as many as there may be ranks.
  private static let slotRange = 1...65_536

  /// Reads the file at `path`.
  package init(path: String) throws {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(status: .missingInput, description: "The hostfile \(path) cannot be read.")
    }
    try self.init(text: text, path: path)
  }

  /// Reads the lines of a hostfile; a host without `slots` has one.
  package init(text: String, path: String) throws {
    var entries: [Entry] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = line.prefix { $0 != "#" }.replacing(#/\s*=\s*/#, with: "=")
      let words = content.split(whereSeparator: \.isWhitespace)
      guard let host = words.first else { continue }
      var slots = 1
      for word in words.dropFirst() where word.hasPrefix("slots=") {
        guard let count = Int(word.dropFirst(6)), Self.slotRange.contains(count) else {
          throw Failure(
            status: .badData,
            description: """
              \(path), line \(number + 1): '\(word)' is no number of slots, which is from \
              \(Self.slotRange.lowerBound) to \(Self.slotRange.upperBound).
              """)
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

  /// A host that cannot be used.
  package struct Unusable: Equatable {
    package let host: String
    /// What it does instead, such as "does not answer".
    package let fault: String
    /// The last line that ssh wrote about it, empty for none.
    package let words: String
  }

  /// Those of `entries` on which ssh cannot run a command within ten seconds; this machine is not
  /// asked.
  ///
  /// ssh's own limit is for the connection only: a login can hang, for example on a home directory
  /// whose server is gone.
  ///
  /// - Throws: a failure where there is no ssh.
  package static func unusable(of entries: [Entry]) throws -> [Unusable] {
    let calls = try entries.map(\.host).filter { !isOwn($0) }.map(Call.init)
    let deadline = ContinuousClock.now + .seconds(10)
    while calls.contains(where: \.ssh.isRunning) && ContinuousClock.now < deadline {
      usleep(20_000)
    }
    return try calls.compactMap { try $0.finding() }
  }

  /// One host that is being asked.
  private struct Call {
    let host: String
    let ssh = Process()
    private let errors = Pipe()

    init(_ host: String) throws {
      self.host = host
      ssh.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      // Without banners and warnings: what then comes is the reason.
      ssh.arguments = [
        "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR", host,
        "true",
      ]
      ssh.standardInput = FileHandle.nullDevice
      ssh.standardOutput = FileHandle.nullDevice
      ssh.standardError = errors
      try ssh.run()
    }

    /// What is wrong with the host, nil for nothing. Ends ssh where that still waits.
    func finding() throws -> Unusable? {
      let isLate = ssh.isRunning
      if isLate {
        kill(ssh.processIdentifier, SIGKILL)
        ssh.waitUntilExit()
      }
      let isKilled = ssh.terminationReason != .exit
      guard isKilled || ssh.terminationStatus != 0 else { return nil }
      let words = lastLine
      guard isKilled || ssh.terminationStatus != 127 || !words.hasPrefix("/usr/bin/env:") else {
        throw Failure(
          status: .unavailable, description: "There is no ssh; install openssh-client.")
      }
      let fault = Self.fault(words, status: isKilled ? 255 : ssh.terminationStatus)
      return Unusable(host: host, fault: fault, words: words)
    }

    private static func fault(_ words: String, status: Int32) -> String {
      let known = [
        ("Permission denied", "refuses the login"),
        ("Could not resolve hostname", "is not known by this name"),
        ("Host key verification failed", "has a key that is not known here; log in once by hand"),
      ]
      return known.first { words.contains($0.0) }?.1
        ?? (status == 255 ? "does not answer" : "does not run commands (status \(status))")
    }

    /// What ssh wrote last, without waiting: a connection that it shares may hold the pipe open.
    private var lastLine: String {
      let descriptor = errors.fileHandleForReading.fileDescriptor
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = max(0, read(descriptor, &bytes, bytes.count))
      return String(decoding: bytes[..<count], as: UTF8.self)
        .split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
    }
  }

  /// Whether `host` is this machine, by its whole name or the part before the first dot.
  static func isOwn(_ host: String) -> Bool {
    let own = ProcessInfo.processInfo.hostName
    return ["localhost", "127.0.0.1", own].contains(host)
      || host == own.prefix { $0 != "." } || host.prefix { $0 != "." } == own
  }
}
