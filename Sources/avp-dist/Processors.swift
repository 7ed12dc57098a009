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
    let processors = mask.reduce(0) { $0 + $1.nonzeroBitCount }
    return max(1, min(processors, cgroupLimit ?? .max) / sharing)
  }

  private static var affinityMask: [UInt8] {
    var mask = cpu_set_t()
    guard sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &mask) == 0 else {
      let count = ProcessInfo.processInfo.activeProcessorCount
      return (0..<(count + 7) / 8).map { $0 < count / 8 ? 0xFF : UInt8((1 << (count % 8)) - 1) }
    }
    return withUnsafeBytes(of: &mask) { Array($0) }
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
