import Collectives
import Diagnosis
import Training

extension JobFacts.ExchangeFacts {
  /// Measures the exchange of a step. Collective.
  ///
  /// - Parameters:
  ///   - sums: 64-bit sums of the gradient.
  ///   - features: bytes of features that this rank sends.
  init(sums: Int, features: Int, _ communicator: any Communicator) throws {
    var one = [Int64](repeating: 0, count: 1)
    var gradient = [Int64](repeating: 0, count: sums)
    let message = [UInt8](repeating: 0, count: features)
    self.init(
      number: try Self.median(communicator) { try communicator.allreduce(&one, .sum) },
      gradients: try Self.median(communicator) { try communicator.allreduce(&gradient, .sum) },
      features: try Self.median(communicator) { _ = try communicator.allgather(message) })
  }

  /// Median seconds of `body`, in as many rounds as fit into a second: 3 to 21, after one that does
  /// not count.
  private static func median(
    _ communicator: any Communicator, _ body: () throws -> Void
  ) throws -> Double {
    func time() throws -> Double {
      try communicator.barrier()
      let begin = ContinuousClock.now
      try body()
      return (ContinuousClock.now - begin).inSeconds
    }
    var longest = [try time()]
    try communicator.allreduce(&longest, .maximum)
    let rounds = Int(min(21, max(3, 1 / max(longest[0], 1e-6))))
    return Diagnosis.median(try (0..<rounds).map { _ in try time() }) ?? 0
  }
}
