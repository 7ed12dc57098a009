/// What one rank has found about itself and its host: plain values, gathered on rank 0, from which
/// ``findings(of:)`` tells what is wrong. What the ranks of a host have in common, the first of
/// them looks for alone; it is nil on the others.
package struct RankFacts: Codable, Equatable, Sendable {
  package var rank: Int
  package var host: String
  /// What tells one start of one machine from all others; empty where the system does not say.
  package var boot = ""
  /// The addresses by which other hosts may reach this one.
  package var addresses: [Address] = []
  package var mpi = MPIFacts()
  package var processors = ProcessorFacts()
  package var memory = MemoryFacts()
  package var limits = LimitFacts()
  /// Against rank 0; nil on ranks that were not compared.
  package var clock: ClockFacts?
  package var images: HostImageFacts?
  package var weights = WeightFacts()
  package var output: OutputFacts?
  /// How fast images are; nil without weights.
  package var speed: SpeedFacts?

  /// Of rank `rank` on `host` nothing else is known yet.
  package init(rank: Int, host: String) {
    self.rank = rank
    self.host = host
  }
}

/// What would end a training, with the status of its end.
package struct Trouble: Codable, Equatable, Sendable, Error {
  /// The exit status; see `ExitStatus`.
  package var status: Int32
  /// What is wrong, for a person.
  package var text: String

  /// The first line of the text.
  var line: String { String(text.prefix { $0 != "\n" }) }

  /// A trouble with its status and text.
  package init(status: Int32, text: String) {
    self.status = status
    self.text = text
  }
}

/// The address of a network interface that is up, other than the host's own loop.
package struct Address: Codable, Hashable, Sendable {
  /// The interface, such as `eth0`.
  package var interface: String
  /// The address as text.
  package var address: String

  /// An interface and its address.
  package init(interface: String, address: String) {
    self.interface = interface
    self.address = address
  }
}

/// Which program a rank is; compared before anything else, because other builds may not speak the
/// same way.
package struct BuildFacts: Codable, Equatable, Sendable {
  package var version: String
  /// The first digits of the program's SHA-256.
  package var digits: String
  /// The commit that it was built from, empty where it is not known.
  package var commit: String

  /// A version, the digits of the file, a commit.
  package init(version: String, digits: String, commit: String) {
    self.version = version
    self.digits = digits
    self.commit = commit
  }

  /// The build, for a person.
  package var text: String {
    "\(version), build \(digits)" + (commit.isEmpty ? "" : " of commit \(commit.prefix(12))")
  }
}

/// The message passing of a rank.
package struct MPIFacts: Codable, Equatable, Sendable {
  /// The name and version of the library, such as `Open MPI v4.1.4`.
  package var library = ""
  /// The library's components that carry messages, such as `ob1`, `tcp`; empty where they cannot be
  /// seen.
  package var transports: [String] = []
  /// The first line of `mpirun --version`, for the `mpirun` that the PATH finds; nil where there is
  /// none or this rank has not asked.
  package var starter: String?

  /// Nothing is known.
  package init() {}
}

/// The processors of a rank.
package struct ProcessorFacts: Codable, Equatable, Sendable {
  /// How many the host has.
  package var online = 0
  /// The hexadecimal mask of those that the scheduler may give to this rank, and how many.
  package var mask = ""
  package var allowed = 0
  /// What control groups leave; nil for no limit.
  package var limit: Int?
  /// The threads that compute features.
  package var threads = 1
  /// The kernels that compute floats, and whole numbers.
  package var kernels = ""
  package var integers = ""

  /// Nothing is known.
  package init() {}

  /// The processors that this rank may keep busy.
  package var usable: Int { min(allowed, limit ?? .max) }
}

/// Bytes of memory.
package struct MemoryFacts: Codable, Equatable, Sendable {
  /// What the host has, and what of it is available.
  package var physical = 0
  package var available = 0
  /// What control groups leave; nil for no limit.
  package var limit: Int?

  /// Nothing is known.
  package init() {}

  /// What this host's ranks may take together.
  package var usable: Int { min(available, limit ?? .max) }
}

/// Limits of a process; nil for none.
package struct LimitFacts: Codable, Equatable, Sendable {
  /// Open files and connections.
  package var files: Int?
  /// Processes and threads of the user.
  package var processes: Int?

  /// Nothing is known.
  package init() {}
}

/// A clock against that of rank 0.
package struct ClockFacts: Codable, Equatable, Sendable {
  /// Seconds by which it is ahead.
  package var ahead: Double
  /// Half of the time that the question and the answer took: the offset is at most so wrong.
  package var uncertainty: Double

  /// An offset and how sure it is.
  package init(ahead: Double, uncertainty: Double) {
    self.ahead = ahead
    self.uncertainty = uncertainty
  }
}

/// The images as one host has them.
package struct HostImageFacts: Codable, Equatable, Sendable {
  /// How many this host's own folder or table lists; nil where it cannot be listed.
  package var count: Int?
  /// Why it cannot be listed here.
  package var trouble: Trouble?
  /// What is wrong with those of rank 0's list, the first few, and how many these are.
  package var unusable: [String] = []
  package var unusableCount = 0
  /// The first 8 bytes of the SHA-256 of the files that are compared, in the order of the list, as
  /// `ContentComparison` has them; 0 for one that cannot be read.
  package var digests: [Int64] = []

  /// Nothing has been looked for.
  package init() {}
}

/// The backbone's weights on one rank.
package struct WeightFacts: Codable, Equatable, Sendable {
  /// The file's name; empty where none was found.
  package var name = ""
  /// What tells them apart, and the layer they are used up to.
  package var fingerprint = ""
  /// Why they cannot be used.
  package var trouble: Trouble?

  /// Nothing is known.
  package init() {}
}

/// The folder of `--output` as one host sees it.
package struct OutputFacts: Codable, Equatable, Sendable {
  /// The folder that was written to: that of the run, or the next above it that is there.
  package var folder: String
  /// Free bytes on its file system; nil where the system does not say.
  package var free: Int?
  /// The bytes of a checkpoint.
  package var bytes: Int
  /// The seconds that writing them to the disk took; nil where they could not be written.
  package var seconds: Double?
  /// Why they could not be written.
  package var trouble: Trouble?
  /// Whether a run is in the folder already.
  package var isUsed = false

  /// A folder that nothing has been written to yet.
  package init(folder: String, bytes: Int) {
    self.folder = folder
    self.bytes = bytes
  }

  /// Bytes a second.
  package var rate: Double? { seconds.map { Double(bytes) / max($0, 1e-9) } }
}

/// How fast a rank computes.
package struct SpeedFacts: Codable, Equatable, Sendable {
  /// Images a second through the backbone, on all threads, while all ranks compute.
  package var backbone: Double
  /// Seconds of one thread to read, decode and vary one image; 0 where there are no images.
  package var preparation: Double
  /// Seconds of the head's gradient of one image.
  package var gradient: Double
  /// The deviation of the time of one group of images, by its median.
  package var deviation: Double

  /// What was measured; see the properties.
  package init(backbone: Double, preparation: Double, gradient: Double, deviation: Double) {
    self.backbone = backbone
    self.preparation = preparation
    self.gradient = gradient
    self.deviation = deviation
  }
}
