/// A random generator without history: its numbers are a pure function of a key and a counter.
///
/// A sample's position in an epoch and its augmentation are keyed by (seed, purpose, epoch, index), so
/// they never depend on which rank or thread asks, nor on what was drawn before. The function is
/// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC
/// 2011).
package struct CounterRandom: RandomNumberGenerator, Sendable {
  /// What the numbers are for; different purposes never share numbers.
  package enum Purpose: UInt32, Sendable {
    case epochOrder = 1
    case augmentation = 2
    case initialHead = 3
    case randomBackbone = 4
    case demoFigures = 5
    case datasetSplit = 6
    case dropout = 7
    case folds = 8
    case sweep = 9
    case mixup = 10
  }

  private let key: (UInt32, UInt32)
  private var counter: (UInt32, UInt32, UInt32, UInt32)
  private var buffered: (UInt32, UInt32)?

  /// Numbers for one `index` (a sample, a tensor) in one `epoch` (or view).
  package init(seed: UInt64, purpose: Purpose, epoch: Int = 0, index: Int = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    counter = (
      0, UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: epoch),
      purpose.rawValue | UInt32(truncatingIfNeeded: index >> 32) << 8
    )
  }

  /// Other numbers for the same index and epoch: those of a stream of its own.
  ///
  /// - Precondition: `number` is from 0 to 65,535; 0 is the stream that a generator begins with, of
  ///   which no more than 131,072 numbers may be taken where there are others.
  package func stream(_ number: Int) -> CounterRandom {
    precondition((0..<65_536).contains(number))
    var other = self
    other.counter.0 = UInt32(number) << 16
    other.buffered = nil
    return other
  }

  /// The next 64 random bits.
  package mutating func next() -> UInt64 {
    if let pair = buffered {
      buffered = nil
      return UInt64(pair.1) << 32 | UInt64(pair.0)
    }
    let block = Self.philox(counter, key)
    counter.0 &+= 1
    buffered = (block.2, block.3)
    return UInt64(block.1) << 32 | UInt64(block.0)
  }

  /// A number in [0, 1): the top 53 bits of ``next()``, so the same on every platform.
  package mutating func unit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A number in [`low`, `high`).
  package mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * unit()
  }

  /// A whole number in 0 ..< `bound`, without bias (Lemire's method).
  ///
  /// - Precondition: `bound > 0`.
  package mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    let range = UInt64(bound)
    var product = next().multipliedFullWidth(by: range)
    if product.low < range {
      let threshold = (0 &- range) % range
      while product.low < threshold { product = next().multipliedFullWidth(by: range) }
    }
    return Int(product.high)
  }

  /// A shuffled copy of 0 ..< `count` (Fisher and Yates).
  package mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, below(last + 1))
    }
    return order
  }

  /// Ten rounds of Philox4x32.
  package static func philox(
    _ start: (UInt32, UInt32, UInt32, UInt32), _ startKey: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var block = start
    var key = startKey
    for round in 0..<10 {
      if round > 0 {
        key.0 &+= 0x9E37_79B9
        key.1 &+= 0xBB67_AE85
      }
      let left = block.0.multipliedFullWidth(by: 0xD251_1F53)
      let right = block.2.multipliedFullWidth(by: 0xCD9E_8D57)
      block = (right.high ^ block.1 ^ key.0, right.low, left.high ^ block.3 ^ key.1, left.low)
    }
    return block
  }
}
