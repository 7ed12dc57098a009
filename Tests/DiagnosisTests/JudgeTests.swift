import Diagnosis
import Launching
import Testing

/// One planted fault in each test, and nothing else may be found.
@Suite struct JudgeTests {
  private func only(_ job: JobFacts) throws -> JobFinding {
    let found = findings(of: job)
    #expect(found.count == 1, "\(found.map(\.text))")
    return try #require(found.first)
  }

  @Test func soundHostsHaveNoFindings() {
    #expect(findings(of: soundJob()).isEmpty)
    #expect(JobDiagnosis(soundJob()).status == 0)
    #expect(JobDiagnosis(soundJob()).estimate != nil)
  }

  @Test func oneRankAloneHasNothingToCompare() {
    #expect(findings(of: soundJob(hosts: ["one"])).isEmpty)
  }

  @Test func anotherBuildIsFoundFirst() throws {
    let own = BuildFacts(version: "1.0.0", digits: "0123456789ab", commit: "c0ffee")
    let other = BuildFacts(version: "1.0.0", digits: "ba9876543210", commit: "c0ffee")
    #expect(findings(of: [("one", own), ("two", own)]).isEmpty)
    let found = try #require(findings(of: [("one", own), ("two", other)]).first)
    #expect(found.status == ExitStatus.configuration.rawValue)
    #expect(found.hosts == ["two"])
    #expect(found.text.contains("build ba9876543210 of commit c0ffee"))
  }

  @Test(arguments: [
    ("Open MPI v5.0.3", ExitStatus.configuration.rawValue as Int32?),
    ("MPICH Version: 4.1.4", ExitStatus.configuration.rawValue), ("Open MPI v4.1.6", nil),
  ])
  func anotherMPI(library: String, status: Int32?) throws {
    var job = soundJob()
    job.ranks[1].mpi.library = library
    job.ranks[1].mpi.starter = nil
    let found = try only(job)
    #expect(found.subject == .mpi)
    #expect(found.status == status)
    #expect(found.hosts == ["two"])
    #expect(found.text.contains(library))
  }

  @Test(arguments: ["mpirun (Open MPI) 5.0.3", "HYDRA build details: Version: 4.1.4"])
  func anotherStarterOnThePath(_ starter: String) throws {
    var job = soundJob()
    job.ranks[2].mpi.starter = starter
    let found = try only(job)
    #expect(!found.isError)
    #expect(found.text.contains(starter))
  }

  @Test func anotherTransport() throws {
    var job = soundJob()
    job.ranks[2].mpi.transports = ["ucx"]
    #expect(try only(job).text.contains("by ucx on host three"))
  }

  @Test func otherImages() throws {
    var job = soundJob()
    job.ranks[2].images?.digests[1] = 99
    let found = try only(job)
    #expect(found.status == ExitStatus.badData.rawValue)
    #expect(found.text.contains("1 of 2 files that were compared differ, as train/b/2.jpg"))
  }

  @Test func imagesThatAreNotThere() throws {
    var job = soundJob()
    job.ranks[1].images?.unusable = ["train/a/1.jpg: is not there"]
    job.ranks[1].images?.unusableCount = 2
    job.ranks[1].images?.digests = [0, 12]
    let found = try only(job)
    #expect(found.status == ExitStatus.missingInput.rawValue)
    #expect(found.text.hasSuffix("train/a/1.jpg: is not there and 1 more."))
  }

  @Test func moreImagesThanRankZero() throws {
    var job = soundJob()
    job.ranks[1].images?.count = 361
    #expect(try !only(job).isError)
  }

  @Test func noImagesAtAll() throws {
    var job = soundJob()
    job.listing = Trouble(status: 66, text: "data is not there.")
    #expect(try only(job).status == 66)
  }

  @Test func missingWeights() throws {
    var job = soundJob()
    job.ranks[1].weights.trouble = Trouble(status: 66, text: "w.pth is not there.")
    job.ranks[1].speed = nil
    let found = try only(job)
    #expect(found.status == 66)
    #expect(found.remedy.contains("from host one"))
    #expect(JobDiagnosis(job).estimate == nil)
  }

  @Test func otherWeights() throws {
    var job = soundJob()
    job.ranks[2].weights.fingerprint = "ddddeeeeffff0000 layer4"
    #expect(try only(job).status == ExitStatus.configuration.rawValue)
  }

  @Test func aFullDiskOfRankZero() throws {
    var job = soundJob()
    job.ranks[0].output?.seconds = nil
    job.ranks[0].output?.trouble = Trouble(status: 74, text: "No space left on device")
    #expect(try only(job).status == 74)
    #expect(JobDiagnosis(job).status == 74)
  }

  @Test func aFullDiskOfAnotherHost() throws {
    var job = soundJob()
    job.ranks[1].output?.trouble = Trouble(status: 74, text: "No space left on device")
    #expect(try !only(job).isError)
  }

  @Test func littleRoomAndARunThatIsThere() throws {
    var job = soundJob()
    job.ranks[0].output?.free = 10_000_000
    #expect(try only(job).text.contains("/shared has 10 MB left"))
    job.ranks[0].output?.isUsed = true
    #expect(try only(job).text.contains("A run is in the folder"))
  }

  @Test(arguments: [nil, 1]) func oneProcessorOfTwo(limit: Int?) throws {
    var job = soundJob()
    if let limit {
      job.ranks[1].processors.limit = limit
    } else {
      job.ranks[1].processors.mask = "2"
      job.ranks[1].processors.allowed = 1
    }
    let found = try only(job)
    #expect(found.text.contains("1 of the 2 processors of host two"))
    #expect(found.text.contains(limit == nil ? "(affinity mask 2)" : "control group"))
    #expect(found.text.contains("fewer than on the others (2)"))
  }

  @Test func ranksOnTheSameProcessor() {
    var job = soundJob()
    var second = job.ranks[2]
    second.rank = 3
    second.processors.mask = "1"
    second.processors.allowed = 1
    job.ranks[2].processors.mask = "1"
    job.ranks[2].processors.allowed = 1
    job.ranks.append(second)
    let texts = findings(of: job).map(\.text)
    #expect(texts.contains { $0.contains("2 ranks of host three share 1 processor (aff") })
  }

  @Test func otherKernels() throws {
    var job = soundJob()
    job.ranks[1].processors.kernels = "avx512"
    #expect(try only(job).subject == .kernels)
  }

  @Test func littleMemoryAndLowLimits() {
    var job = soundJob()
    job.ranks[1].memory.limit = 100 << 20
    job.ranks[2].limits.files = 64
    job.ranks[0].limits.processes = 10
    #expect(findings(of: job).map(\.hosts) == [["two"], ["one"], ["three"]])
  }

  @Test(arguments: [(120.0, 0.001, true), (-3, 0.001, true), (0.5, 0.001, false), (3, 2.5, false)])
  func clocks(ahead: Double, uncertainty: Double, isFound: Bool) {
    var job = soundJob()
    job.ranks[1].clock = ClockFacts(ahead: ahead, uncertainty: uncertainty)
    let found = findings(of: job)
    #expect(found.count == (isFound ? 1 : 0))
    #expect(found.allSatisfy { $0.text.contains(ahead > 0 ? "ahead of" : "behind") })
  }

  @Test func aSlowHost() throws {
    var job = soundJob()
    job.ranks[1].speed?.backbone = 10
    let found = try only(job)
    #expect(found.subject == .speed && found.hosts == ["two"])
    #expect(found.remedy.contains("Without this host the job would compute"))
  }

  @Test func aHostWithSlowLinks() throws {
    var job = soundJob()
    for index in job.links.indices where job.links[index].hosts.contains("three") {
      job.links[index].bandwidth = 1.2e6
    }
    let found = try only(job)
    #expect(found.hosts == ["three"])
    #expect(found.text.contains("The network of host three carries 1.20 MB/s (10 Mbit/s)"))
  }

  @Test func oneSlowLink() throws {
    var job = soundJob(hosts: ["one", "two"])
    job.links[0].bandwidth = 1.2e6
    job.exchange = JobFacts.ExchangeFacts(number: 0.001, gradients: 1.7, features: 0.2)
    let found = findings(of: job)
    #expect(found.map(\.subject) == [.link, .exchange])
    #expect(found.first?.text.hasPrefix("The network between hosts one and two") == true)
    #expect(found.last?.remedy.hasPrefix("With --exchange features") == true)
  }

  @Test func addressesAndNamesOfTwo() {
    var job = soundJob()
    job.ranks[1].addresses.append(Address(interface: "docker0", address: "172.17.0.1"))
    job.ranks[2].addresses.append(Address(interface: "docker0", address: "172.17.0.1"))
    #expect(findings(of: job).map(\.hosts) == [["two", "three"]])
    job = soundJob(hosts: ["one"])
    var twin = job.ranks[0]
    twin.boot = "another"
    job.ranks.append(twin)
    #expect(findings(of: job).contains { $0.text.contains("Two machines call themselves one") })
  }

  @Test func errorsStandBeforeWarningsInTheOrderOfTraining() {
    var job = soundJob()
    job.ranks[1].clock?.ahead = 60
    job.ranks[0].output?.trouble = Trouble(status: 73, text: "Permission denied")
    job.ranks[1].weights.trouble = Trouble(status: 66, text: "is not there")
    job.ranks[2].images?.digests[0] = 1
    #expect(findings(of: job).map(\.status) == [66, 65, 73, nil])
    #expect(JobDiagnosis(job).status == 66)
  }
}
