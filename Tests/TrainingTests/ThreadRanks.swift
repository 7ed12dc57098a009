import Collectives
import Foundation

/// Ranks that are threads of this process, one of which may die at a chosen operation.
///
/// `@unchecked Sendable`: all mutable state is touched only while `condition` is locked.
final class ThreadWorld: @unchecked Sendable {
  /// The end of one rank, as it enters its operation number `operation` (from 0).
  struct Death: Equatable, Sendable {
    let rank: Int
    let operation: Int
  }

  let worldSize: Int
  private let death: Death?
  private let condition = NSCondition()
  private var entered: [Int]
  private var offers: [(any Sendable)?]
  private var result: [any Sendable] = []
  private var round = 0
  private var isDead = false

  init(worldSize: Int, death: Death? = nil) {
    self.worldSize = worldSize
    self.death = death
    entered = Array(repeating: 0, count: worldSize)
    offers = Array(repeating: nil, count: worldSize)
  }

  /// How many operations each rank has entered.
  var operations: [Int] { condition.withLock { entered } }

  /// Ends all ranks, as the abort of one rank does.
  func abort() {
    condition.withLock { isDead = true }
    condition.broadcast()
  }

  /// Gives every rank what all ranks have offered.
  func exchange<Value: Sendable>(_ value: Value, rank: Int) throws(CollectiveError) -> [Value] {
    condition.lock()
    defer { condition.unlock() }
    try count(rank)
    let own = round
    offers[rank] = value
    let offered = offers.compactMap { $0 }
    if offered.count == worldSize {
      result = offered
      offers = Array(repeating: nil, count: worldSize)
      round += 1
      condition.broadcast()
    }
    while round == own && !isDead { condition.wait() }
    guard round != own else { throw .stalled("another rank has died") }
    let values = result.compactMap { $0 as? Value }
    guard values.count == worldSize else { throw .mismatch("the ranks do different things") }
    return values
  }

  /// A place at which `rank` may die, between operations: rank 0 writes files there.
  func place(rank: Int) throws(CollectiveError) {
    condition.lock()
    defer { condition.unlock() }
    try count(rank)
  }

  private func count(_ rank: Int) throws(CollectiveError) {
    defer { entered[rank] += 1 }
    if death == Death(rank: rank, operation: entered[rank]) {
      isDead = true
      condition.broadcast()
      throw .transport(operation: "life", reason: "rank \(rank) dies")
    }
    if isDead { throw .stalled("another rank has died") }
  }
}

/// The communicator of one such rank.
final class ThreadCommunicator: Communicator {
  let rank: Int
  var worldSize: Int { world.worldSize }
  let host: String
  var activity = ""
  var whileWaiting: () -> Void = {}
  /// Called with the number of the operation that this rank waits in.
  var isWaitingAt: (Int) -> Void = { _ in }
  private var operation = 0
  let world: ThreadWorld

  init(rank: Int, world: ThreadWorld, host: String = "thread") {
    self.rank = rank
    self.world = world
    self.host = host
  }

  func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    let all = try exchange(values)
    guard all.allSatisfy({ $0.count == values.count }) else {
      throw .mismatch("the counts differ")
    }
    for index in values.indices {
      let column = all.map { $0[index] }
      values[index] =
        switch reduction {
        case .sum: column.reduce(.zero, +)
        case .minimum: column.reduce(column[0], min)
        case .maximum: column.reduce(column[0], max)
        }
    }
  }

  func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {
    bytes = try exchange(bytes)[root]
  }

  func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    try exchange(bytes)
  }

  func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    let all = try exchange(bytes)
    return rank == root ? all : []
  }

  func barrier() throws(CollectiveError) {
    _ = try exchange(true)
  }

  private func exchange<Value: Sendable>(_ value: Value) throws(CollectiveError) -> [Value] {
    isWaitingAt(operation)
    operation += 1
    whileWaiting()
    return try world.exchange(value, rank: rank)
  }
}

/// Runs `body` on every rank of `world` and waits for all of them; an error on one rank ends all.
func onEveryRank<Value: Sendable>(
  of world: ThreadWorld, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Value
) -> [Result<Value, any Error>] {
  let results = Collected<Value>()
  let group = DispatchGroup()
  for rank in 0..<world.worldSize {
    group.enter()
    let thread = Thread {
      let result = Result { try body(ThreadCommunicator(rank: rank, world: world)) }
      if case .failure = result { world.abort() }
      results.set(result, rank)
      group.leave()
    }
    thread.stackSize = 8 << 20
    thread.start()
  }
  group.wait()
  return results.inOrder
}

/// `@unchecked Sendable`: the results are touched only while `lock` is held.
private final class Collected<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var results: [Int: Result<Value, any Error>] = [:]

  func set(_ result: Result<Value, any Error>, _ rank: Int) {
    lock.withLock { results[rank] = result }
  }

  var inOrder: [Result<Value, any Error>] {
    lock.withLock { results.sorted { $0.key < $1.key }.map(\.value) }
  }
}
