import Diagnosis
import Foundation
import Testing

@testable import Reports

@Suite struct DoctorReportTests {
  private func job(_ hosts: Int = 2) -> JobFacts {
    let ranks = (0..<hosts).map { number in
      let host = number == 0 ? "a" : "host-with-a-long-name-\(number)"
      var rank = RankFacts(rank: number, host: host)
      rank.processors.online = 2
      rank.processors.mask = "3"
      rank.processors.allowed = 2
      rank.processors.kernels = "avx2"
      rank.memory.physical = 8 << 30
      rank.memory.available = 6 << 30
      rank.mpi.library = "Open MPI v4.1.4"
      rank.weights.name = "w.pth"
      rank.speed = SpeedFacts(backbone: 40, preparation: 0, gradient: 0, deviation: 0)
      return rank
    }
    var work = JobFacts.Work()
    (work.train, work.validation) = (320, 40)
    return JobFacts(
      ranks: ranks, build: BuildFacts(version: "1.0.0", digits: "0123456789ab", commit: ""),
      work: work)
  }

  @Test func soundHosts() {
    let text = JobDiagnosis(job()).text
    #expect(
      text == """
        2 ranks on 2 hosts, avp-dist 1.0.0, build 0123456789ab
        Open MPI v4.1.4; avx2 kernels
        320 training and 40 validation images of 2 classes; weights w.pth

        host         ranks  cores    memory  images/s    network       disk     clock
        a                1      2    6.4 GB      40.0          -          -         -
        host-with-...    1      2    6.4 GB      40.0          -          -         -
        All hosts are about as fast.

        An epoch of 10 steps takes about 4.0 s; the validation images take 0.5 s, once.

        training can start
        """)
  }

  @Test func whatIsOutOfLineIsMarkedAndExplained() {
    var job = job()
    job.ranks[1].speed?.backbone = 10
    job.ranks[0].output = OutputFacts(folder: "/x", bytes: 3_000_000)
    job.ranks[0].output?.trouble = Trouble(status: 73, text: "no\u{1b}[2J permission\nmore")
    let diagnosis = JobDiagnosis(job)
    let lines = diagnosis.text.split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.hasPrefix("host-with-...") && $0.contains("10.0*") })
    #expect(lines.contains { $0.hasPrefix("! A checkpoint of 3.0 MB cannot be written on host a") })
    #expect(lines.contains { $0.hasPrefix("- A rank on host host-with-a-long-name-1") })
    #expect(lines.last == "training would end with status 73 (1 warning)")
    #expect(!diagnosis.text.contains("\u{1b}"))
    #expect(lines.allSatisfy { $0.count <= 79 })
  }

  @Test func manyHostsFitTheLine() {
    var job = job(40)
    for index in job.ranks.indices {
      job.ranks[index].clock = ClockFacts(ahead: -12345, uncertainty: 0)
      job.ranks[index].output = OutputFacts(folder: "/", bytes: 1 << 30)
      job.ranks[index].output?.seconds = 0.001
      job.ranks[index].speed?.backbone = 123_456
    }
    #expect(JobDiagnosis(job).text.split(separator: "\n").allSatisfy { $0.count <= 79 })
  }

  @Test func theJSONCanBeReadAgain() throws {
    let diagnosis = JobDiagnosis(job())
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let read = try decoder.decode(JobDiagnosis.self, from: Data(diagnosis.json.utf8))
    #expect(read == diagnosis)
  }

  @Test func otherBuildsHaveNoTable() {
    let own = BuildFacts(version: "1.0.0", digits: "0123456789ab", commit: "")
    let other = BuildFacts(version: "1.0.1", digits: "ba9876543210", commit: "")
    let job = JobFacts(
      ranks: [RankFacts(rank: 0, host: "a"), RankFacts(rank: 1, host: "b")], build: own,
      work: .init())
    let text = JobDiagnosis(job, findings: findings(of: [("a", own), ("b", other)])).text
    #expect(!text.contains("images/s"))
    #expect(text.contains("! host b has avp-dist 1.0.1"))
    #expect(text.hasSuffix("training would end with status 78"))
  }
}
