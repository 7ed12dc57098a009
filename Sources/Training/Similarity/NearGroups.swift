/// Vectors that hang together: each has another one of the group that is at least as near as a threshold,
/// and over such steps every one of the group is reached from every other, and none outside.
///
/// So a group does not depend on any order, and two of its vectors may be farther apart than the
/// threshold; each member says what it is in the group for.
package struct NearGroup: Equatable, Sendable {
  /// One vector of the group.
  package struct Member: Equatable, Sendable {
    /// Which one it is.
    package let index: Int
    /// The nearest other one, which is in the group, too; of equally near ones that with the lowest
    /// index.
    package let nearest: Neighbour
  }

  /// By their indices, two at least.
  package let members: [Member]

  /// The largest cosine of two members.
  package var closest: Float { members.lazy.map(\.nearest.cosine).max() ?? 0 }

  /// The least cosine that is taken for nearly the same image; `docs/images.md` has what it was measured
  /// on.
  package static let defaultThreshold: Float = 0.98
}

extension UnitVectors {
  /// The groups of vectors that are nearly the same: that with the two closest members first, of equal
  /// ones that with the lower index.
  ///
  /// All pairs are looked at, block by block; what is remembered is the nearest of each vector and a
  /// forest of groups, for each thread.
  ///
  /// - Parameters:
  ///   - threshold: the least cosine of two that are near, above 0.
  ///   - threads: how many threads share the work.
  ///   - progress: called several times a second, with how much of the work is done and of how much.
  /// - Throws: what `progress` throws, or a ``ThreadRefused``.
  package func nearGroups(
    threshold: Float, threads: Int, progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws -> [NearGroup] {
    precondition(threshold > 0)
    let blocks = blockCount
    let found = try sharedWork(
      threads: threads, count: blocks, start: NearPairs(count: count)
    ) { found, block in
      for other in block..<blocks { found.add(self, block, other, threshold) }
    } progress: { done in
      // The first blocks are compared with all others, the last one with itself alone.
      try progress(done * blocks - done * (done - 1) / 2, blocks * (blocks + 1) / 2)
    }
    return found.dropFirst().reduce(into: found[0]) { $0.add($1) }.groups
  }
}

/// What has been found of near pairs. All that is remembered is the same in whatever order they come.
private struct NearPairs: Sendable {
  private var nearest: [Neighbour?]
  /// A forest: a step towards the lowest index of each one's group.
  private var parents: [Int]

  init(count: Int) {
    nearest = Array(repeating: nil, count: count)
    parents = Array(0..<count)
  }

  mutating func add(_ vectors: UnitVectors, _ block: Int, _ other: Int, _ threshold: Float) {
    let cosines = vectors.cosines(block, with: vectors, other)
    let (rows, columns) = (vectors.indices(ofBlock: block), vectors.indices(ofBlock: other))
    for position in cosines.indices where cosines[position] >= threshold {
      let (first, second) = (
        rows.lowerBound + position / columns.count, columns.lowerBound + position % columns.count
      )
      guard first < second else { continue }
      see(Neighbour(index: second, cosine: cosines[position]), of: first)
      see(Neighbour(index: first, cosine: cosines[position]), of: second)
      join(first, second)
    }
  }

  mutating func add(_ others: NearPairs) {
    for (index, neighbour) in others.nearest.enumerated() {
      if let neighbour { see(neighbour, of: index) }
      join(index, others.parents[index])
    }
  }

  private mutating func see(_ neighbour: Neighbour, of index: Int) {
    if let known = nearest[index], !neighbour.isNearer(than: known) { return }
    nearest[index] = neighbour
  }

  private mutating func join(_ one: Int, _ other: Int) {
    let (one, other) = (root(of: one), root(of: other))
    parents[max(one, other)] = min(one, other)
  }

  private mutating func root(of index: Int) -> Int {
    var index = index
    while parents[index] != index {
      parents[index] = parents[parents[index]]
      index = parents[index]
    }
    return index
  }

  var groups: [NearGroup] {
    var forest = self
    var members: [Int: [NearGroup.Member]] = [:]
    for (index, neighbour) in nearest.enumerated() {
      guard let neighbour else { continue }
      members[forest.root(of: index), default: []].append(
        NearGroup.Member(index: index, nearest: neighbour))
    }
    return members.sorted { $0.key < $1.key }.map { NearGroup(members: $0.value) }
      .map { (group: $0, closest: $0.closest) }
      .sorted {
        ($1.closest, $0.group.members[0].index) < ($0.closest, $1.group.members[0].index)
      }.map(\.group)
  }
}
