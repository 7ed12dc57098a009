import Tensors

/// Which samples make up each global batch and who works on which of them.
///
/// Everything is a pure function of the arguments. An epoch visits every sample exactly once, in an
/// order keyed by (seed, epoch); it is cut into global batches, the last of which may be short, and
/// each batch into one contiguous slice a rank. Nothing is dropped, padded or visited twice, for
/// any number of ranks, and the batches do not depend on it.
package struct Sampler: Sendable {
  /// How many samples there are.
  package let count: Int
  /// How many samples a step sums over, on all ranks together; never more than there are.
  package let globalBatch: Int
  private let seed: UInt64

  /// A sampler of `count` samples in batches of at most `globalBatch`.
  ///
  /// - Precondition: `count` is at least 0 and `globalBatch` at least 1.
  package init(count: Int, globalBatch: Int, seed: UInt64) {
    precondition(count >= 0 && globalBatch > 0)
    self.count = count
    self.globalBatch = min(globalBatch, max(1, count))
    self.seed = seed
  }

  /// The number of global batches in an epoch; 0 without samples.
  package var stepsPerEpoch: Int { count / globalBatch + (count % globalBatch == 0 ? 0 : 1) }

  /// The samples in the order in which one epoch visits them.
  package func order(epoch: Int) -> [Int] {
    var random = CounterRandom(seed: seed, purpose: .epochOrder, epoch: epoch)
    return random.permutation(count)
  }

  /// The positions, in the epoch's order, of the global batch of one step.
  ///
  /// - Precondition: `step` counts from 0 within the epoch, below ``stepsPerEpoch``.
  package func batch(step: Int) -> Range<Int> {
    precondition(step >= 0 && step < stepsPerEpoch)
    let start = step * globalBatch
    return start..<start + min(globalBatch, count - start)
  }

  /// The positions, in the epoch's order, of one rank's part of the global batch of one step; it
  /// may be empty.
  ///
  /// - Precondition: as ``batch(step:)``, and `0 <= rank < worldSize`.
  package func slice(step: Int, rank: Int, worldSize: Int) -> Range<Int> {
    let batch = batch(step: step)
    let share = Self.share(of: batch.count, rank: rank, worldSize: worldSize)
    return batch.lowerBound + share.lowerBound..<batch.lowerBound + share.upperBound
  }

  /// One rank's contiguous part of `count` things: as even as possible, the first ranks have one
  /// more.
  ///
  /// - Precondition: `count >= 0` and `0 <= rank < worldSize`.
  package static func share(of count: Int, rank: Int, worldSize: Int) -> Range<Int> {
    precondition(count >= 0 && rank >= 0 && rank < worldSize)
    let (each, more) = count.quotientAndRemainder(dividingBy: worldSize)
    let start = rank * each + min(rank, more)
    return start..<start + each + (rank < more ? 1 : 0)
  }
}
