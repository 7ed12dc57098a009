import Collectives
import Training

extension UnitVectors {
  /// The groups of those that are nearly the same, found by this rank while the others wait for it.
  func nearGroups(
    threshold: Float = NearGroup.defaultThreshold, threads: Int, _ communicator: any Communicator
  ) throws -> [NearGroup] {
    try comparing(communicator) {
      try nearGroups(threshold: threshold, threads: threads, progress: $0)
    }
  }

  /// The nearest to each of some others, found in the same way.
  func nearest(
    to queries: UnitVectors, limit: Int, own: [Int?], threads: Int,
    _ communicator: any Communicator
  ) throws -> [[Neighbour]] {
    try comparing(communicator) {
      try nearest(to: queries, limit: limit, own: own, threads: threads, progress: $0)
    }
  }

  private func comparing<Result>(
    _ communicator: any Communicator, _ work: ((Int, Int) throws -> Void) throws -> Result
  ) throws -> Result {
    try Screen.phase("comparing images") { update in
      try work { done, total in
        communicator.activity = "comparing images, \(done) of \(total) parts done"
        try communicator.reportActivity()
        update(done, total)
      }
    }
  }
}
