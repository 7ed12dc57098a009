import Testing

@testable import ImageData

struct SamplerTests {
  static let worldSizes = Array(1...9)

  @Test(arguments: worldSizes) func everySampleIsVisitedOnceInTheOrderOfTheEpoch(worldSize: Int) {
    for count in 0...40 {
      for globalBatch in [1, 2, 3, 7, 8, 32, 64] {
        let sampler = Sampler(count: count, globalBatch: globalBatch, seed: 5)
        var positions: [Int] = []
        for step in 0..<sampler.stepsPerEpoch {
          let slices = (0..<worldSize).map {
            sampler.slice(step: step, rank: $0, worldSize: worldSize)
          }
          let sizes = slices.map(\.count)
          #expect(sizes.reduce(0, +) == sampler.batch(step: step).count)
          #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
          #expect(sizes == sizes.sorted(by: >))
          positions += slices.flatMap { $0 }
        }
        #expect(positions == Array(0..<count))
      }
    }
  }

  @Test func onlyTheLastBatchIsShort() {
    let sampler = Sampler(count: 694, globalBatch: 32, seed: 0)
    #expect(sampler.stepsPerEpoch == 22)
    #expect((0..<21).allSatisfy { sampler.batch(step: $0).count == 32 })
    #expect(sampler.batch(step: 21).count == 22)
    #expect(sampler.slice(step: 21, rank: 3, worldSize: 4) == 689..<694)
    #expect(Sampler(count: 0, globalBatch: 32, seed: 0).stepsPerEpoch == 0)
    #expect(Sampler(count: 64, globalBatch: 32, seed: 0).stepsPerEpoch == 2)
    #expect(Sampler(count: 3, globalBatch: .max, seed: 0).batch(step: 0) == 0..<3)
    #expect(Sampler(count: 3, globalBatch: .max, seed: 0).globalBatch == 3)
  }

  @Test func ordersDependOnSeedAndEpochAlone() {
    let sampler = Sampler(count: 40, globalBatch: 8, seed: 1)
    var seen: Set<[Int]> = []
    for seed in 0..<5 as Range<UInt64> {
      for epoch in 0..<5 {
        let order = Sampler(count: 40, globalBatch: 8, seed: seed).order(epoch: epoch)
        #expect(order.sorted() == Array(0..<40))
        #expect(seen.insert(order).inserted)
      }
    }
    #expect(sampler.order(epoch: 3) == Sampler(count: 40, globalBatch: 3, seed: 1).order(epoch: 3))
  }

  @Test(arguments: worldSizes) func sharesAreContiguousAndEven(worldSize: Int) {
    for count in 0...40 {
      let shares = (0..<worldSize).map { Sampler.share(of: count, rank: $0, worldSize: worldSize) }
      #expect(shares.flatMap { $0 } == Array(0..<count))
      let sizes = shares.map(\.count)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
  }
}
