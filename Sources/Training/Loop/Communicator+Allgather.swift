import Collectives
import FileIO

extension Communicator {
  /// The numbers of every rank in rank order, on every rank; their counts may differ. Collective.
  func allgather<Number: BitwiseCopyable>(
    numbers: [Number]
  ) throws(CollectiveError) -> [[Number]] {
    try allgather(littleEndianBytes(of: numbers)).map {
      FileIO.numbers(ofLittleEndianBytes: $0[...])
    }
  }

  /// All paths that any rank names. Collective.
  func union(ofPaths own: [String]) throws(CollectiveError) -> PathSet {
    var union = PathSet()
    // No path has a zero byte in it.
    for list in try allgather(Array(own.joined(separator: "\0").utf8)) {
      union.formUnion(
        PathSet(String(decoding: list, as: UTF8.self).split(separator: "\0").map(String.init)))
    }
    return union
  }
}

/// Paths of images, told apart by their bytes: as strings, "é" of one character and "é" of two are
/// equal, as files they are not.
struct PathSet: Equatable, Sendable {
  private var bytes: Set<[UInt8]> = []

  init(_ paths: [String] = []) { bytes = Set(paths.map { Array($0.utf8) }) }

  mutating func formUnion(_ other: PathSet) { bytes.formUnion(other.bytes) }

  func union(_ other: PathSet) -> PathSet {
    var union = self
    union.formUnion(other)
    return union
  }

  /// The paths, sorted by their bytes.
  var sorted: [String] {
    bytes.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
  }
}
