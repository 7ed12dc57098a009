import Collectives
import Foundation

/// How many threads this process may keep busy.
enum Processors {
  /// The processors of the affinity mask, at most those of the cgroup's limit, divided among the ranks
  /// of this host that have the same mask. Collective.
  ///
  /// mpirun binds one or two ranks to a core each, more to a whole socket: the mask tells, the number
  /// of processors does not.
  static func usable(_ communicator: any Communicator) throws -> Int {
    let mask = affinityMask
    let own = Array(communicator.host.utf8) + [0] + mask
    let sharing = try communicator.allgather(own).count { $0 == own }
    let processors = mask.reduce(0) { count, digit in
      count + (Int(String(UnicodeScalar(digit)), radix: 16)?.nonzeroBitCount ?? 0)
    }
    return max(1, min(processors, cgroupLimit ?? .max) / sharing)
  }

  /// The hexadecimal mask of the processors that the scheduler may give to this process, as the kernel
  /// prints it; all of the machine's where it does not say.
  private static var affinityMask: [UInt8] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed:") }
    let digits = line?.dropFirst("Cpus_allowed:".count).filter(\.isHexDigit) ?? ""
    let all = (1 << min(62, ProcessInfo.processInfo.activeProcessorCount)) - 1
    return Array((digits.isEmpty ? String(all, radix: 16) : String(digits)).utf8)
  }

  /// The whole processors of cgroup version 2's `cpu.max`, nil where there is no limit.
  private static var cgroupLimit: Int? {
    guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8) else {
      return nil
    }
    let parts = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard parts.count == 2, parts[1] > 0 else { return nil }
    return max(1, parts[0] / parts[1])
  }
}
