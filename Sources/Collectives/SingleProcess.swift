/// The communicator of a run with one process: every operation is the identity.
public final class SingleProcess: Communicator {
  public let rank = 0
  public let worldSize = 1
  public let host: String
  public var activity = ""

  /// Makes the communicator of a process on `host`.
  public init(host: String = "localhost") {
    self.host = host
  }

  public func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {}

  public func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {}

  public func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] { [bytes] }

  public func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    [bytes]
  }

  public func barrier() throws(CollectiveError) {}
}
