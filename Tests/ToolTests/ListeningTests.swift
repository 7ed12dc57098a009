import Foundation
import Testing

extension ToolTests {
  /// On which addresses the processes of a run wait for connections, as /proc tells.
  @Suite struct ListeningTests {
    private let scratch: TemporaryFolder
    private let output: String

    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
    }

    /// The inodes of the sockets that `process` has open.
    private func sockets(_ process: Int32) throws -> Set<String> {
      let folder = "/proc/\(process)/fd"
      let links = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
      }
      return Set(
        links.filter { $0.hasPrefix("socket:[") }.map { String($0.dropFirst(8).dropLast()) })
    }

    /// The inodes of all sockets that listen for TCP.
    private func listeners() throws -> Set<String> {
      let lines = try ["tcp", "tcp6"].flatMap { name in
        try String(contentsOfFile: "/proc/net/\(name)", encoding: .utf8).split(separator: "\n")
      }
      // The number, both addresses, the state (10 is listening), five more facts, the inode.
      let facts = lines.map { $0.split(separator: " ") }
      return Set(facts.filter { $0.count > 9 && $0[3] == "0A" }.map { String($0[9]) })
    }

    /// Starts a run, and looks at it once it trains.
    private func whileRunning(_ words: [String], _ body: (Program) throws -> Void) throws {
      let program = try Program(words)
      #expect(program.wait { !Workshop.checkpoints(output).isEmpty })
      try #require(program.isRunning)
      try body(program)
      kill(program.id, SIGTERM)
      #expect(try program.wait().status == 75)
    }

    private func longRun() throws -> [String] {
      try Workshop.train(
        output, epochs: 2_000, ["--threads", "1", "--checkpoint-every-steps", "1"])
    }

    @Test func withoutMPINothingListens() throws {
      try whileRunning(longRun()) { program in
        let open = try sockets(program.id)
        let listeners = try listeners()
        #expect(open.isDisjoint(with: listeners))
      }
    }

    @Test func onOneHostNoRankListens() throws {
      let words = try [Program.tool, "launch", "-n", "2", "--"] + longRun().dropFirst()
      try whileRunning(words) { program in
        let ranks = program.ranks()
        try #require(ranks.count == 2)
        let listeners = try listeners()
        for rank in ranks {
          let open = try sockets(rank)
          #expect(open.isDisjoint(with: listeners))
        }
      }
    }
  }

  /// A request to stop that comes before the first step.
  @Suite struct EarlyStopTests {
    /// Whether a process has a handler for SIGUSR1.
    private func isListening(_ process: Int32) -> Bool {
      let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
      let mask = line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
      return mask >> UInt64(SIGUSR1 - 1) & 1 == 1
    }

    @Test(arguments: [nil, 1, 3]) func aStopIsHeardWhileImagesAreListed(ranks: Int?) throws {
      let scratch = try TemporaryFolder()
      let data = try Workshop.copyOfData(in: scratch)
      let output = scratch.path + "/run"
      // So many that listing them takes much longer than a signal.
      for number in 0..<30_000 {
        link("\(data)/train/alien/0000.jpg", "\(data)/train/alien/x\(number).jpg")
      }
      let whole = try Workshop.data.get()
      let words = try Workshop.train(output).map { $0 == whole ? data : $0 }
      let program = try Program(onRanks(ranks, words))
      #expect(
        program.wait {
          let processes = ranks == nil ? [program.id] : program.ranks()
          return processes.count == ranks ?? 1 && processes.allSatisfy(isListening)
        })
      kill(program.id, SIGUSR1)
      let outcome = try program.wait()
      #expect(outcome.status == 75, "\(outcome.errors)")
      let message = "avp-dist: Stopped by a signal before the first step."
      #expect(outcome.errors.components(separatedBy: message).count == 2, "\(outcome.errors)")
      #expect(!FileManager.default.fileExists(atPath: output))
    }
  }
}
