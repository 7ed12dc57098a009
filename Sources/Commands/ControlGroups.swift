import Foundation

/// The control groups that the process is in, which limit what it may use of its host.
struct ControlGroups {
  /// The text of /proc/self/cgroup.
  let groups: String
  /// The text of a file, nil where it cannot be read.
  let read: (String) -> String?

  /// Those of this process.
  static var own: ControlGroups {
    ControlGroups(groups: contents("/proc/self/cgroup") ?? "", read: contents)
  }

  /// The text of a file of the system, nil where it cannot be read. Such a file says that it is empty
  /// and comes in pieces, of which `String(contentsOfFile:)` takes the first alone.
  static func contents(_ path: String) -> String? {
    let file = FileHandle(forReadingAtPath: path)
    return (try? file?.readToEnd()).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The whole processors that the process's group and those above it leave, at least 1; nil where
  /// none of them has a limit.
  var processors: Int? {
    let limits = texts("cpu", "cpu.max", ["cpu.cfs_quota_us", "cpu.cfs_period_us"])
    return limits.compactMap(Self.quota).min().map { max(1, Int(min($0, 1e6))) }
  }

  /// The bytes of memory that the process's group and those above it leave; nil where none of them
  /// has a limit.
  var memory: Int? {
    texts("memory", "memory.max", ["memory.limit_in_bytes"])
      .compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      .filter { $0 > 0 }.min()
  }

  /// What the files of a controller say, of every group that has them: `file` in version 2, all of
  /// `files` together in version 1.
  private func texts(_ controller: Substring, _ file: String, _ files: [String]) -> [String] {
    groups.split(separator: "\n").flatMap { line -> [String] in
      // The hierarchy's number, its controllers (none in version 2), the group.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return [] }
      if parts[1].isEmpty {
        return Self.folders("/sys/fs/cgroup", group: parts[2]).compactMap { read("\($0)/\(file)") }
      }
      guard parts[1].split(separator: ",").contains(controller) else { return [] }
      return ["/sys/fs/cgroup/\(parts[1])", "/sys/fs/cgroup/\(controller)"]
        .flatMap { Self.folders($0, group: parts[2]) }
        .compactMap { folder in
          let texts = files.compactMap { read("\(folder)/\($0)") }
          return texts.count == files.count ? texts.joined(separator: " ") : nil
        }
    }
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
    guard numbers.count == 2, numbers.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
    return numbers[0] / numbers[1]
  }
}
