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
      status: contents("/proc/self/status") ?? "",
      processors: ProcessInfo.processInfo.activeProcessorCount)
    let own = Array(communicator.host.utf8) + [0] + Array(mask.utf8)
    let all = try communicator.allgather(own)
    let limit = groupLimit(groups: contents("/proc/self/cgroup") ?? "", reading: contents)
    return share(
      of: min(processors(inMask: mask), limit ?? .max), among: all.count { $0 == own },
      place: all.prefix(communicator.rank).count { $0 == own })
  }

  /// What one of several ranks may use of `processors`: all the same, and the first ones what is
  /// left over, at least 1.
  static func share(of processors: Int, among ranks: Int, place: Int) -> Int {
    max(1, processors / ranks + (place < processors % ranks ? 1 : 0))
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

  private static func contents(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }
}

// MARK: - Control groups

extension Processors {
  /// The whole processors that the process's control group and those above it leave, at least 1;
  /// nil where none of them has a limit.
  ///
  /// - Parameters:
  ///   - groups: the text of /proc/self/cgroup.
  ///   - read: the text of a file, nil where it cannot be read.
  static func groupLimit(groups: String, reading read: (String) -> String?) -> Int? {
    let limits = groups.split(separator: "\n").flatMap { line -> [Double] in
      // The hierarchy's number, its controllers (none in version 2), the group.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return [] }
      if parts[1].isEmpty {
        return folders("/sys/fs/cgroup", group: parts[2])
          .compactMap { folder in read(folder + "/cpu.max").flatMap(quota) }
      }
      guard parts[1].split(separator: ",").contains("cpu") else { return [] }
      return ["/sys/fs/cgroup/\(parts[1])", "/sys/fs/cgroup/cpu"]
        .flatMap { folders($0, group: parts[2]) }
        .compactMap { folder in
          guard let quota = read(folder + "/cpu.cfs_quota_us"),
            let period = read(folder + "/cpu.cfs_period_us")
          else { return nil }
          return self.quota("\(quota) \(period)")
        }
    }
    return limits.min().map { max(1, Int(min($0, 1e6))) }
  }

  /// The folders of a group and of all above it. Inside a container the group's name may be that of
  /// the host, and then only the topmost folder is there.
  private static func folders(_ root: String, group: Substring) -> [String] {
    group.split(separator: "/").reduce(into: [root]) { folders, part in
      folders.append("\(folders[folders.count - 1])/\(part)")
    }
  }

  /// The processors that "QUOTA PERIOD" allows; nil for "max" and for -1, which are no limits.
  private static func quota(_ text: String) -> Double? {
    let numbers = text.split(whereSeparator: \.isWhitespace).map { Double($0) ?? 0 }
    guard numbers.count == 2, numbers[0] > 0, numbers[1] > 0 else { return nil }
    return numbers[0] / numbers[1]
  }
}
