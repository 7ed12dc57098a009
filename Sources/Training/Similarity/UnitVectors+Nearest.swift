extension UnitVectors {
  /// The nearest of these vectors to each of some others, the nearest first, of equally near ones that
  /// with the lower index. A vector that is not known is near none, and none is near it.
  ///
  /// - Parameters:
  ///   - queries: the others, of the same width.
  ///   - limit: how many are wanted of each, at least 1; there may be fewer.
  ///   - own: for each query the index that it has itself among these vectors, which is left out; nil for
  ///     none.
  ///   - threads: how many threads share the work.
  ///   - progress: called several times a second, with how much of the work is done and of how much.
  /// - Throws: what `progress` throws, or a ``ThreadRefused``.
  package func nearest(
    to queries: UnitVectors, limit: Int, own: [Int?], threads: Int,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws -> [[Neighbour]] {
    precondition(limit > 0 && own.count == queries.count)
    let (blocks, none) = (blockCount, [[Neighbour]](repeating: [], count: queries.count))
    let found = try sharedWork(threads: threads, count: blocks, start: none) { found, block in
      for queryBlock in 0..<queries.blockCount {
        let cosines = queries.cosines(queryBlock, with: self, block)
        let (rows, columns) = (
          queries.indices(ofBlock: queryBlock), indices(ofBlock: block)
        )
        for (row, query) in rows.enumerated() where queries.isKnown[query] {
          for (column, index) in columns.enumerated() where isKnown[index] && index != own[query] {
            let cosine = cosines[row * columns.count + column]
            found[query].take(Neighbour(index: index, cosine: cosine), limit: limit)
          }
        }
      }
    } progress: {
      try progress($0, blocks)
    }
    return found.reduce(none) { all, part in
      zip(all, part).map { mine, theirs in
        var mine = mine
        for neighbour in theirs { mine.take(neighbour, limit: limit) }
        return mine
      }
    }
  }
}

extension [Neighbour] {
  /// Puts a neighbour where it belongs among the nearest so far, of which `limit` stay.
  fileprivate mutating func take(_ neighbour: Neighbour, limit: Int) {
    if count == limit, !neighbour.isNearer(than: self[limit - 1]) { return }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if neighbour.isNearer(than: self[middle]) { high = middle } else { low = middle + 1 }
    }
    insert(neighbour, at: low)
    if count > limit { removeLast() }
  }
}
