import Foundation

/// The processes of this machine and who started them, as they were at one moment.
package struct ProcessTable {
  private struct Entry {
    let id: Int32
    let parent: Int32
    let name: Substring
  }

  private let entries: [Entry]

  /// Looks at /proc.
  package init() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    entries = names.compactMap { name in
      guard let id = Int32(name),
        let line = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8)
      else { return nil }
      return Self.entry(id, line)
    }
  }

  /// Reads "id (name) state parent ...", where the name may contain anything; nil for a process
  /// that has ended and only waits to be noticed.
  private static func entry(_ id: Int32, _ line: String) -> Entry? {
    guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")") else {
      return nil
    }
    let facts = line[close...].dropFirst().split(separator: " ")
    guard facts.count > 1, facts[0] != "Z", let parent = Int32(facts[1]) else { return nil }
    return Entry(id: id, parent: parent, name: line[line.index(after: open)..<close])
  }

  /// Whether anything lives that `process` has started; true where the table does not know `process`
  /// itself, as where /proc could not be read.
  package func hasChildren(_ process: Int32) -> Bool {
    !entries.contains { $0.id == process } || entries.contains { $0.parent == process }
  }

  /// What `process` has started under the program name `name`.
  package func children(of process: Int32, named name: String) -> [Int32] {
    entries.filter { $0.parent == process && $0.name == name }.map(\.id)
  }

  /// What `process` has started, and what that has started.
  package func descendants(of process: Int32) -> [Int32] {
    // Numbers that were given away anew while the table was read could make a ring.
    var found = [process]
    for parent in 0... {
      guard parent < found.count else { break }
      found += entries.filter { $0.parent == found[parent] && !found.contains($0.id) }.map(\.id)
    }
    return Array(found.dropFirst())
  }

  /// Whether `process` has a handler for SIGUSR1, as a rank has from its start. mpirun has one too,
  /// and what it starts still has it until it becomes a program of its own.
  package func isListening(_ process: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else {
      return false
    }
    var facts: [Substring: String] = [:]
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      facts[line[..<colon]] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let caught = facts["SigCgt"].flatMap { UInt64($0, radix: 16) } ?? 0
    return caught >> UInt64(SIGUSR1 - 1) & 1 == 1 && facts["Name"] != "mpirun"
  }
}
