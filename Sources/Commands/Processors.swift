import Collectives
import Foundation

/// How many threads this process may keep busy.
enum Processors {
  /// The processors of the affinity mask, at most those of the cgroups' limits, divided among the
  /// ranks of this host that have the same mask. Collective.
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
      of: min(processors(inMask: mask), limit ?? .max), among: all.count { $0 == own },
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
}
