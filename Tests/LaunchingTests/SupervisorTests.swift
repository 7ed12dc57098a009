import Foundation
import Testing
import Training

@testable import Launching

/// Restarts and hosts, with attempts that end as a test says, at once.
@Suite struct SupervisorTests {
  /// What was started and said.
  private final class Journal: @unchecked Sendable {
    var runs: [MPIRun] = []
    var lines: [String] = []
  }

  private let journal = Journal()
  private let stop = StopSignal()
  private let checkpoints = "/tmp/avp-dist-launching-\(UUID().uuidString)"

  /// A supervisor whose attempts end one after the other with `statuses`; further ones with 0.
  private func supervisor(
    _ statuses: [Int32], ranks: Int = 5, minRanks: Int? = nil, maxRestarts: Int = 3,
    hosts: String? = nil, unusable: [[String]] = [], start: RunStart = .afresh,
    words: [String] = ["--epochs", "3"],
    whileRunning: @escaping (_ attempt: Int) throws -> Failure? = { _ in nil }
  ) throws -> Supervisor {
    var supervisor = Supervisor(
      trainWords: words, ranks: ranks, minRanks: minRanks ?? ranks,
      hostfile: try hosts.map { try Hostfile(text: $0, path: "hosts") }, maxRestarts: maxRestarts,
      checkpoints: checkpoints, start: start, executable: "/bin/avp-dist", environment: [:],
      say: { [journal] in journal.lines.append($0) })
    supervisor.execute = { [journal] run, _ in
      journal.runs.append(run)
      let failure = try whileRunning(journal.runs.count)
      return (statuses.dropFirst(journal.runs.count - 1).first ?? 0, failure)
    }
    var asked = 0
    supervisor.unusableHosts = { entries in
      asked += 1
      let names = unusable.dropFirst(asked - 1).first ?? []
      return entries.map(\.host).filter(names.contains).map {
        Hostfile.Unusable(host: $0, fault: "does not answer", words: "")
      }
    }
    return supervisor
  }

  private func failure(_ supervisor: Supervisor) -> Failure? {
    #expect(throws: Failure.self) { try supervisor.run(stop) }
  }

  private var calls: [String] { journal.runs.map { $0.words.joined(separator: " ") } }

  @Test func everyStatusHasItsVerdict() {
    for status in Int32(0)...255 {
      for isAsked in [false, true] {
        let verdict = Supervisor.verdict(status: status, stopRequested: isAsked)
        switch status {
        case 0: #expect(verdict == .done)
        case 75: #expect(verdict == .stopped)
        case 64, 65, 66, 73, 74, 78: #expect(verdict == .hopeless, "\(status)")
        default: #expect(verdict == (isAsked ? .cutOff : .lost), "\(status)")
        }
      }
    }
  }

  @Test func anExaminationHasOneAttempt() throws {
    for status in [1, 66, 69, 78] as [Int32] {
      journal.runs = []
      var supervisor = try supervisor([status], words: ["--data", "x"])
      supervisor.command = "doctor"
      let failure = try #require(self.failure(supervisor))
      #expect(failure.status.rawValue == (status == 1 ? 69 : status))
      #expect("\(failure)" == "`doctor` ended with status \(status), see above.")
      #expect(calls.count == 1)
      #expect(calls[0].hasSuffix("/bin/avp-dist doctor --data x"))
    }
  }

  @Test func anExaminationSaysNothingOfCheckpoints() throws {
    var supervisor = try supervisor([0], ranks: 2, hosts: "a\nb", unusable: [["b"]])
    supervisor.command = "doctor"
    let failure = try #require(self.failure(supervisor))
    #expect(failure.status == .unavailable)
    #expect(!"\(failure)".contains("checkpoint"))
    #expect(calls.isEmpty)
  }

  @Test func restartsAreCounted() throws {
    try supervisor([69, 137, 1]).run(stop)
    #expect(calls.count == 4)
    #expect(!calls[0].contains("--resume"))
    for call in calls { #expect(call.contains("/bin/avp-dist train --epochs 3")) }
    let told = journal.lines.filter { $0.contains("was lost") }
    #expect(
      told == [
        "avp-dist: a rank or host was lost (status 69); restart 1 of 3",
        "avp-dist: a rank or host was lost (status 137); restart 2 of 3",
        "avp-dist: a rank or host was lost (status 1); restart 3 of 3",
      ])
  }

  @Test(arguments: [0, 1, 2]) func theRestartsHaveAnEnd(limit: Int) throws {
    let failure = failure(
      try supervisor(Array(repeating: 137, count: 9), maxRestarts: limit))
    #expect(failure?.status == .unavailable)
    #expect(failure?.description.contains("with status 137 after \(limit) restarts") == true)
    #expect(calls.count == limit + 1)
  }

  @Test(arguments: [64, 65, 66, 73, 74, 75, 78] as [Int32])
  func whatWouldHappenAgainIsNotTriedAgain(status: Int32) throws {
    #expect(failure(try supervisor([status]))?.status.rawValue == status)
    #expect(calls.count == 1)
  }

  @Test func aStartThatCannotSucceedIsNotTriedAgain() throws {
    let full = Failure(status: .writeFailed, description: "no room")
    #expect(failure(try supervisor([1]) { _ in full })?.description == "no room")
    #expect(calls.count == 1)
  }

  // MARK: Stops

  @Test func aStopBeforeTheStartStartsNothing() throws {
    stop.request(SIGTERM)
    #expect(failure(try supervisor([]))?.status == .stopped)
    #expect(calls.isEmpty)
  }

  @Test(arguments: [(137, 69), (69, 69), (70, 70), (75, 75)] as [(Int32, Int32)])
  func anEndAfterARequestToStopIsTheLast(status: Int32, expected: Int32) throws {
    let stop = stop
    let failure = failure(
      try supervisor([status]) { _ in
        stop.request(SIGTERM)
        return nil
      })
    #expect(failure?.status.rawValue == expected)
    #expect(calls.count == 1)
    #expect(failure?.description.contains("There is no checkpoint yet") == true)
  }

  // MARK: Checkpoints and hosts

  @Test func aRestartGoesOnFromWhatTheRunHasWritten() throws {
    try FileManager.default.createDirectory(
      atPath: checkpoints, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: checkpoints) }
    let folder = checkpoints
    try supervisor([137, 137, 137], start: .file("/x")) { attempt in
      if attempt == 2 { try Data([1]).write(to: URL(fileURLWithPath: folder + "/a")) }
      return nil
    }.run(stop)
    #expect(calls.map { $0.hasSuffix("--resume auto") } == [false, false, true, true])
  }

  @Test(arguments: [["--resume", "/x"], ["--resume=/x"], ["--resume", "auto"]])
  func aRestartNamesNoOtherCheckpoint(resume: [String]) throws {
    try supervisor([69], words: ["--seed", "1"] + resume + ["--lr", "2"]).run(stop)
    #expect(calls[0].hasSuffix("train --seed 1 \(resume.joined(separator: " ")) --lr 2"))
    #expect(calls[1].hasSuffix("train --seed 1 --lr 2 --resume auto"))
  }

  private let hosts = "one slots=2\ntwo slots=2\nthree\n"

  @Test func theSlotsThatAreLeftAreUsed() throws {
    try supervisor([69], minRanks: 3, hosts: hosts, unusable: [[], ["two"]]).run(stop)
    #expect(calls.count == 2)
    #expect(calls[0].contains("-n 5 ") && calls[0].contains("--host one:2,two:2,three:1 "))
    #expect(calls[1].contains("-n 3 ") && calls[1].contains("--host one:2,three:1 "))
    #expect(journal.runs.map(\.ranks) == [5, 3])
    #expect(journal.lines.contains("warning: host two does not answer and is left out"))
  }

  /// More ranks than slots are wanted, as on a machine that shares them, until a host is lost.
  @Test func moreRanksThanSlotsAreNoFaultOfTheHosts() throws {
    try supervisor([], ranks: 9, hosts: hosts).run(stop)
    #expect(journal.runs.map(\.ranks) == [9])
  }

  @Test(arguments: [4, 5]) func tooFewSlotsEndTheRun(least: Int) throws {
    let supervisor = try supervisor([], minRanks: least, hosts: hosts, unusable: [["two"]])
    let failure = failure(supervisor)
    #expect(failure?.status == .unavailable)
    #expect(
      failure?.description.contains(
        "2 of 3 hosts can be used, with 3 slots, and the run needs \(least)") == true)
    #expect(calls.isEmpty)
  }

  @Test func withoutAnyHostNothingIsStarted() throws {
    let all = ["one", "two", "three"]
    #expect(
      failure(try supervisor([], minRanks: 0, hosts: hosts, unusable: [all]))?.status
        == .unavailable)
    #expect(calls.isEmpty)
  }

  @Test(arguments: [("", 1), (" slots=1", 1), (" slots = 65536", 65_536)])
  func slotsOfAHost(words: String, slots: Int) throws {
    #expect(
      try Hostfile(text: "a\(words) # x", path: "h").entries == [.init(host: "a", slots: slots)])
  }

  @Test func remarksNameNoHosts() throws {
    let text = "# a list\n\na # slots=9\n  #b slots=2\nc slots=3#slots=4\n"
    #expect(
      try Hostfile(text: text, path: "h").entries
        == [.init(host: "a", slots: 1), .init(host: "c", slots: 3)])
  }

  @Test(arguments: ["a slots=0", "a slots=65537", "a slots=-1", "-a", "a;b", "# a", ""])
  func impossibleHostsAreRefused(text: String) {
    let error = #expect(throws: Failure.self) { try Hostfile(text: text, path: "h") }
    #expect(error?.status == .badData)
  }
}
