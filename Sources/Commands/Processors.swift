import Collectives
import Foundation

/// How many threads this process may keep busy.
enum Processors {
  /// The cores of the affinity mask, at most the processors of the cgroups' limits, divided among the
  /// ranks of this host that have the same mask. Collective.
  ///
  /// Cores, not hyper-threads: those of a core share the units that multiply, which one thread of the
  /// backbone keeps busy, and its caches.
  ///
  /// mpirun binds one or two ranks to a core each, more to a whole socket: the mask tells, the
  /// number of processors does not.
  static func usable(_ communicator: any Communicator) throws -> Int {
    let mask = affinityMask(
      status: ControlGroups.contents("/proc/self/status") ?? "",
      processors: ProcessInfo.processInfo.activeProcessorCount)
    let own = Array(communicator.host.utf8) + [0] + Array(mask.utf8)
    let all = try communicator.allgather(own)
    let limit = ControlGroups.own.processors
    return share(
      of: min(cores(inMask: mask, siblings: siblings), limit ?? .max), among: all.count { $0 == own },
      index: all.prefix(communicator.rank).count { $0 == own })
  }

  /// What one of several ranks may use of `processors`: all the same, and the first ones what is
  /// left over, at least 1.
  static func share(of processors: Int, among ranks: Int, index: Int) -> Int {
    max(1, processors / ranks + (index < processors % ranks ? 1 : 0))
  }

  /// The hexadecimal mask of the processors that the scheduler may give to this process, as
  /// `status`, the text of /proc/self/status, has it; `processors` ones where it does not say.
  static func affinityMask(status: String, processors: Int) -> String {
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    let digits = line?.dropFirst("Cpus_allowed:".count).filter(\.isHexDigit) ?? ""
    return digits.isEmpty ? String((1 << min(62, processors)) - 1, radix: 16) : String(digits)
  }

  /// How many processors a mask names.
  static func processors(inMask mask: String) -> Int {
    mask.reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
  }

  /// How many cores a mask names.
  ///
  /// - Parameter siblings: all processors of the core of a processor, in any form that is the same for
  ///   each of them; nil where that is not known.
  static func cores(inMask mask: String, siblings: (Int) -> String?) -> Int {
    let digits = mask.reversed().compactMap(\.hexDigitValue).enumerated()
    let processors = digits.flatMap { place, digit in
      (0..<4).filter { digit >> $0 & 1 == 1 }.map { 4 * place + $0 }
    }
    return Set(processors.map { siblings($0) ?? "\($0)" }).count
  }

  private static func siblings(_ processor: Int) -> String? {
    ControlGroups.contents(
      "/sys/devices/system/cpu/cpu\(processor)/topology/thread_siblings_list")
  }
}
