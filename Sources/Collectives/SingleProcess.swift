/// The communicator of a run with one process: every operation is the identity.
package final class SingleProcess: Communicator {
  package let rank = 0
  package let worldSize = 1
  package let host: String
  package var activity = ""
  package var whileWaiting: () -> Void = {}

  /// Makes the communicator of a process on `host`.
  package init(host: String = "localhost") {
    self.host = host
  }

  package func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {}

  package func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {}

  package func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] { [bytes] }

  package func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    [bytes]
  }

  package func barrier() throws(CollectiveError) {}
}
