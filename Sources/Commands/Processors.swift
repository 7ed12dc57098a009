import Collectives
import Foundation
import MPICollectives

/// How many threads this process may keep busy.
enum Processors {
  /// The cores of the affinity mask, at most the processors of the cgroups' limits, divided among the
  /// ranks of this host that have the same mask. Collective.
  ///
  /// Cores, not hyper-threads: those of a core share the units that multiply, which one thread of the
  /// backbone keeps busy, and its caches. The number of processors does not tell: mpirun binds ranks to
  /// some of them. Where it did so unasked and left others idle, that is undone first.
  static func usable(_ communicator: any Communicator) throws -> Int {
    let read = { ControlGroups.contents($0) ?? "" }
    let count = ProcessInfo.processInfo.activeProcessorCount
    let mask = affinityMask(status: read("/proc/self/status"), processors: count)
    let isUnasked = Launcher(environment: ProcessInfo.processInfo.environment).bindsUnasked
    let own = Binding(
      host: communicator.host, mask: mask,
      whole: isUnasked ? affinityMask(status: read("/proc/\(getppid())/status"), processors: 0) : ""
    )
    let all = widened(try communicator.allgather(own.bytes).map(Binding.init))
    let final = all[communicator.rank]
    if final.mask != mask { allowProcessors(processors(inMask: final.mask)) }
    let cores = cores(inMask: final.mask, siblings: siblings)
    return share(
      of: min(cores, ControlGroups.own.processors ?? .max), among: all.count { $0 == final },
      index: all.prefix(communicator.rank).count { $0 == final })
  }

  /// What one of several ranks may use of `processors`: all the same, and the first ones what is
  /// left over, at least 1.
  static func share(of processors: Int, among ranks: Int, index: Int) -> Int {
    max(1, processors / ranks + (index < processors % ranks ? 1 : 0))
  }

  /// The hexadecimal mask of the processors that the scheduler may give to a process, as
  /// `status`, the text of /proc/PID/status, has it; `processors` ones where it does not say.
  static func affinityMask(status: String, processors: Int) -> String {
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    let digits = line?.dropFirst("Cpus_allowed:".count).filter(\.isHexDigit) ?? ""
    return digits.isEmpty ? String((1 << min(62, processors)) - 1, radix: 16) : String(digits)
  }

  /// The processors that a mask names.
  static func processors(inMask mask: String) -> Set<Int> {
    let digits = mask.reversed().compactMap(\.hexDigitValue).enumerated()
    return Set(
      digits.flatMap { place, digit in
        (0..<4).filter { digit >> $0 & 1 == 1 }.map { 4 * place + $0 }
      })
  }

  /// How many cores a mask names.
  ///
  /// - Parameter siblings: all processors of the core of a processor, in any form that is the same for
  ///   each of them; nil where that is not known.
  static func cores(inMask mask: String, siblings: (Int) -> String?) -> Int {
    Set(processors(inMask: mask).map { siblings($0) ?? "\($0)" }).count
  }

  private static func siblings(_ processor: Int) -> String? {
    ControlGroups.contents(
      "/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list")
  }
}

// MARK: - What mpirun binds

extension Processors {
  /// Where a rank may run.
  struct Binding: Equatable {
    let host: String
    var mask: String
    /// The mask of the process that started it, to which its own may be widened; empty where it may
    /// not.
    let whole: String
  }

  /// The bindings of all ranks, widened on hosts where the ranks leave processors idle.
  static func widened(_ all: [Binding]) -> [Binding] {
    let hosts = Dictionary(grouping: all, by: \.host)
    return all.map { rank in
      let others = hosts[rank.host] ?? []
      let used = others.reduce(into: Set<Int>()) { $0.formUnion(processors(inMask: $1.mask)) }
      guard !rank.whole.isEmpty, others.allSatisfy({ $0.whole == rank.whole }),
        processors(inMask: rank.whole).isStrictSuperset(of: used)
      else { return rank }
      var free = rank
      free.mask = rank.whole
      return free
    }
  }
}

extension Processors.Binding {
  /// The binding as a message between ranks.
  var bytes: [UInt8] { Array("\(mask) \(whole) \(host)".utf8) }

  /// A message of ``bytes``.
  init(bytes: [UInt8]) {
    let parts = String(decoding: bytes, as: UTF8.self)
      .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    self.init(
      host: parts.count > 2 ? parts[2] : "", mask: parts[0], whole: parts.count > 1 ? parts[1] : "")
  }
}
