import Testing

@testable import Tensors

struct CounterRandomTests {
  /// Known answers from the Random123 distribution's `kat_vectors` for philox4x32, 10 rounds.
  @Test func philoxKnownAnswers() {
    let zero = CounterRandom.philox((0, 0, 0, 0), (0, 0))
    #expect(zero == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = CounterRandom.philox((.max, .max, .max, .max), (.max, .max))
    #expect(ones == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let digits = CounterRandom.philox(
      (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0))
    #expect(digits == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  /// From a second implementation: a run with the same seed must see the same order for ever.
  @Test(
    arguments: [
      (0, 0, [9, 3, 6, 7, 1, 8, 4, 2, 5, 0]), (12, 3, [7, 4, 1, 0, 6, 5, 2, 8, 9, 3]),
      ((1 << 40) + 7, 1, [2, 4, 5, 1, 7, 6, 3, 8, 0, 9]),
    ] as [(UInt64, Int, [Int])])
  func permutationsAreKnown(seed: UInt64, epoch: Int, expected: [Int]) {
    var random = CounterRandom(seed: seed, purpose: .epochOrder, epoch: epoch)
    #expect(random.permutation(10) == expected)
  }

  @Test(arguments: [0, 1, 2, 7, 100]) func permutationsHoldEveryIndexOnce(count: Int) {
    for seed in 0..<20 as Range<UInt64> {
      var random = CounterRandom(seed: seed, purpose: .epochOrder)
      #expect(random.permutation(count).sorted() == Array(0..<count))
    }
  }

  @Test func keysSeparateStreams() {
    var seen = Set<UInt64>()
    for seed in 0..<4 as Range<UInt64> {
      for epoch in 0..<4 {
        for index in [0, 1, 2, 1 << 33] {
          var random = CounterRandom(
            seed: seed, purpose: .augmentation, epoch: epoch, index: index)
          for _ in 0..<4 { seen.insert(random.next()) }
        }
      }
    }
    #expect(seen.count == 4 * 4 * 4 * 4)
  }

  @Test func belowIsUniform() {
    var random = CounterRandom(seed: 1, purpose: .epochOrder)
    var counts = [Int](repeating: 0, count: 6)
    for _ in 0..<60_000 { counts[random.below(6)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
  }
}
