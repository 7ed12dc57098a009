import Foundation
import Synchronization
import Tensors
import Testing

@testable import Training

@Suite struct MemoryBudgetTests {
  /// What all threads hold at the same time, and the most that it was.
  private final class Held: Sendable {
    private let values = Mutex((now: 0, most: 0, count: 0, largeWasAlone: true))

    func change(by share: Int, limit: Int) {
      values.withLock {
        $0.now += share
        $0.most = max($0.most, $0.now)
        $0.count += 1
        if share > limit, $0.now != share { $0.largeWasAlone = false }
      }
    }

    var result: (now: Int, most: Int, count: Int, largeWasAlone: Bool) { values.withLock { $0 } }
  }

  @Test(arguments: [1, 100, 1000])
  func noMoreIsHeldThanThereIsUnlessOneAloneHoldsMore(bytes: Int) {
    let budget = MemoryBudget(bytes: bytes)
    let held = Held()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for index in 0..<200 {
        var random = CounterRandom(seed: 5, purpose: .demoFigures, epoch: thread, index: index)
        let share = random.below(150)
        budget.holding(share) {
          held.change(by: share, limit: bytes)
          usleep(UInt32(random.below(20)))
          held.change(by: -share, limit: bytes)
        }
      }
    }
    #expect(held.result.count == 3200 && held.result.now == 0)
    #expect(held.result.most <= max(bytes, 149) && held.result.largeWasAlone)
  }

  @Test func aShareIsGivenBackAfterAnError() {
    struct Failure: Error {}
    let budget = MemoryBudget(bytes: 10)
    for _ in 0..<3 {
      #expect(throws: Failure.self) {
        try budget.holding(10) { () throws(Failure) in throw Failure() }
      }
    }
    #expect(budget.holding(10) { true })
  }
}
