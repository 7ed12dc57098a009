import Collectives
import Foundation

/// How much memory this process may take.
enum HostMemory {
  /// What the threads of this process may take together to decode images: a quarter of the host's
  /// memory, or of the smallest limit of a control group, divided among the ranks of the host.
  /// Collective.
  static func decodingBytes(_ communicator: any Communicator) throws -> Int {
    let own = Array(communicator.host.utf8)
    let ranks = try communicator.allgather(own).count { $0 == own }
    let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    return min(physical, ControlGroups.own.memory ?? .max) / 4 / ranks
  }
}
