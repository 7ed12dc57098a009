import Foundation
import Synchronization
import Tensors
import Testing

@testable import Training

/// Nearest vectors and groups of near ones against what looking at each pair by itself gives.
@Suite struct SimilarityTests {
  /// Vectors around few centres, some of them equal, so that there are groups and ties.
  private static func vectors(_ count: Int, width: Int, seed: UInt64) -> [[Float]] {
    (0..<count).map { index in
      var centre = CounterRandom(seed: seed, purpose: .demoFigures, index: index % 29)
      var own = CounterRandom(seed: seed, purpose: .demoFigures, epoch: 1, index: index % 58)
      return (0..<width).map { _ in
        Float(centre.uniform(0, 1)) + Float(own.uniform(-0.12, 0.12))
      }
    }
  }

  private static let width = 37
  private static let plain = vectors(150, width: width, seed: 4)

  private func units(_ vectors: [[Float]?], width: Int = Self.width) -> UnitVectors {
    var units = UnitVectors(width: width)
    for vector in vectors { units.append(vector) }
    return units
  }

  /// Each pair by itself, through a set of these two alone.
  private func cosine(_ one: [Float], _ other: [Float]) -> Float {
    units([one]).cosines(0, with: units([other]), 0)[0]
  }

  @Test func cosinesAreThoseOfTheDefinition() {
    for width in [1, 3, 4, 37, 64] {
      let vectors = Self.vectors(70, width: width, seed: 2)
      let units = units(vectors, width: width)
      let found = units.cosines(0, with: units, 1)
      #expect(found.count == 64 * 6)
      for (position, cosine) in found.enumerated() {
        let (one, other) = (vectors[position / 6], vectors[64 + position % 6])
        func product(_ one: [Float], _ other: [Float]) -> Double {
          zip(one, other).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let lengths = (product(one, one) * product(other, other)).squareRoot()
        #expect(abs(Double(cosine) - product(one, other) / lengths) < 1e-6)
      }
    }
  }

  /// The bits are those of the two alone, in both orders.
  @Test func neighboursDoNotMatter() {
    let units = units(Self.plain)
    let found = units.cosines(1, with: units, 2)
    let others = units.cosines(2, with: units, 1)
    for row in 0..<64 {
      for column in 0..<22 {
        let expected = cosine(Self.plain[64 + row], Self.plain[128 + column])
        #expect(found[row * 22 + column] == expected && others[column * 64 + row] == expected)
      }
    }
  }

  @Test func whatIsNotKnownOrHasNoDirectionIsNearNone() throws {
    let vectors = units([[1, 0], nil, [0, 0], nil, [2, 0]], width: 2)
    #expect(vectors.count == 5)
    let groups = try vectors.nearGroups(threshold: 0.001, threads: 2)
    #expect(groups.map { $0.members.map(\.index) } == [[0, 4]])
    #expect(groups[0].closest == 1)
    let nearest = try vectors.nearest(
      to: units([[3, 0], nil], width: 2), limit: 9, own: [nil, nil], threads: 1)
    #expect(nearest.map { $0.map(\.index) } == [[0, 4, 2], []])
    let none = units([], width: 2)
    #expect(try none.nearGroups(threshold: 0.5, threads: 3).isEmpty)
    #expect(
      try none.nearest(to: vectors, limit: 1, own: Array(repeating: nil, count: 5), threads: 1)
        .allSatisfy(\.isEmpty))
  }

  /// A chain is one group, and each says which one it is near to.
  @Test func groupsHangTogether() throws {
    let chain: [[Float]] = [[1, 0], [0, 1], [0.2, 1], [1, 0.2], [-1, 0], [1, 0.21], [-1, 0]]
    let groups = try units(chain, width: 2).nearGroups(threshold: 0.97, threads: 1)
    #expect(groups.map { $0.members.map(\.index) } == [[4, 6], [0, 3, 5], [1, 2]])
    #expect(groups[1].members.map(\.nearest.index) == [3, 5, 3])
    let wide = try units(chain, width: 2).nearGroups(threshold: 0.38, threads: 1)
    #expect(wide.map { $0.members.map(\.index) } == [[4, 6], [0, 1, 2, 3, 5]])
  }

  private func expectedGroups(_ threshold: Float) -> [NearGroup] {
    var label = Array(Self.plain.indices)
    var nearest: [Int: Neighbour] = [:]
    for one in Self.plain.indices {
      for other in Self.plain.indices where one != other {
        let cosine = cosine(Self.plain[one], Self.plain[other])
        guard cosine >= threshold else { continue }
        if cosine > nearest[one]?.cosine ?? 0 {
          nearest[one] = Neighbour(index: other, cosine: cosine)
        }
        let (low, high) = (min(label[one], label[other]), max(label[one], label[other]))
        for index in label.indices where label[index] == high { label[index] = low }
      }
    }
    return Set(label).map { group in
      NearGroup(
        members: label.indices.filter { label[$0] == group }.compactMap { index in
          nearest[index].map { NearGroup.Member(index: index, nearest: $0) }
        })
    }.filter { !$0.members.isEmpty }.sorted {
      ($1.closest, $0.members[0].index) < ($0.closest, $1.members[0].index)
    }
  }

  @Test(arguments: [0.95, 0.98, 0.99, 0.9999] as [Float]) func groupsAreThoseOfAllPairs(
    threshold: Float
  ) throws {
    let expected = expectedGroups(threshold)
    #expect(expected.count > 1)
    for threads in [1, 2, 5] {
      let found = try units(Self.plain).nearGroups(threshold: threshold, threads: threads)
      #expect(found == expected)
    }
  }

  @Test func theNearestAreThoseOfAllPairs() throws {
    let queries = Array(Self.plain[3..<90])
    let own = queries.indices.map { $0 % 2 == 0 ? $0 + 3 : nil }
    let expected = zip(queries, own).map { query, own in
      Self.plain.indices.filter { $0 != own }
        .map { Neighbour(index: $0, cosine: cosine(query, Self.plain[$0])) }
        .sorted { ($1.cosine, $0.index) < ($0.cosine, $1.index) }
    }
    for (threads, limit) in [(1, 1), (2, 7), (4, 1000)] {
      let found = try units(Self.plain).nearest(
        to: units(queries), limit: limit, own: own, threads: threads)
      #expect(found == expected.map { Array($0.prefix(limit)) })
    }
  }

  /// What keeps the caller from going on ends the work.
  @Test func progressMayEndTheWork() throws {
    struct Enough: Error {}
    let many = units(Self.vectors(4000, width: Self.width, seed: 8))
    var calls: [Int] = []
    let groups = try many.nearGroups(threshold: 0.5, threads: 2) { done, total in
      #expect(total == 63 * 64 / 2 && (0...total).contains(done))
      calls.append(done)
    }
    #expect(!groups.isEmpty && calls == calls.sorted())
    // However fast the machine is: no piece ends before somebody has heard of the work.
    let gate = Gate()
    #expect(throws: Enough.self) {
      _ = try sharedWork(threads: 2, count: 4, start: 0) { _, _ in
        while !gate.isOpen { usleep(1_000) }
      } progress: { _ in
        gate.open()
        throw Enough()
      }
    }
  }

  private final class Gate: Sendable {
    private let state = Atomic(false)
    var isOpen: Bool { state.load(ordering: .relaxed) }
    func open() { state.store(true, ordering: .relaxed) }
  }
}
