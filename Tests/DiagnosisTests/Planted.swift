import Diagnosis

/// A job in which nothing is wrong, for tests to plant faults into: three hosts with two processors
/// and a rank each.
func soundJob(hosts: [String] = ["one", "two", "three"]) -> JobFacts {
  let ranks = hosts.enumerated().map { soundRank($0, host: $1) }
  var work = JobFacts.Work()
  (work.train, work.validation, work.parameters) = (320, 40, 262_530)
  var job = JobFacts(
    ranks: ranks, build: BuildFacts(version: "1.0.0", digits: "0123456789ab", commit: ""),
    work: work)
  job.compared = ["train/a/1.jpg", "train/b/2.jpg"]
  for (first, one) in hosts.enumerated() {
    for other in hosts.dropFirst(first + 1) {
      job.links.append(JobFacts.Link(one, other, latency: 1e-4, bandwidth: 1.1e8))
    }
  }
  job.exchange = JobFacts.ExchangeFacts(number: 0.001, gradients: 0.03, features: 0.01)
  return job
}

private func soundRank(_ rank: Int, host: String) -> RankFacts {
  var facts = RankFacts(rank: rank, host: host)
  facts.boot = "boot of \(host)"
  facts.addresses = [Address(interface: "eth0", address: "10.0.0.\(rank + 1)")]
  facts.mpi.library = "Open MPI v4.1.4"
  facts.mpi.transports = ["ob1", "tcp"]
  facts.mpi.starter = "mpirun (Open MPI) 4.1.4"
  facts.processors.online = 2
  facts.processors.mask = "3"
  facts.processors.allowed = 2
  facts.processors.threads = 2
  facts.processors.kernels = "avx2"
  facts.memory.physical = 8 << 30
  facts.memory.available = 6 << 30
  facts.limits.files = 1024
  facts.clock = ClockFacts(ahead: 0.001, uncertainty: 0.0002)
  var images = HostImageFacts()
  images.count = 360
  images.digests = [11, 12]
  facts.images = images
  facts.weights.name = "resnet50.safetensors"
  facts.weights.fingerprint = "aaaabbbbccccdddd layer4"
  var output = OutputFacts(folder: "/shared", bytes: 3_200_000)
  (output.free, output.seconds) = (1 << 40, 0.02)
  facts.output = output
  facts.speed = SpeedFacts(backbone: 40, preparation: 0.005, gradient: 1e-4, deviation: 0.05)
  return facts
}
