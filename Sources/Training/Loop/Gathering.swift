import Collectives

extension Communicator {
  /// The numbers of every rank in rank order, on every rank; their counts may differ. Collective.
  func allgather<Number: FixedWidthInteger>(
    numbers: [Number]
  ) throws(CollectiveError) -> [[Number]] {
    try allgather(littleEndianBytes(of: numbers)).map { Training.numbers(ofLittleEndianBytes: $0) }
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

/// Paths of pictures, told apart by their bytes: as strings, "é" of one character and "é" of two are
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

/// The bytes of `numbers`, the lowest of each first.
func littleEndianBytes<Number: FixedWidthInteger>(of numbers: [Number]) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(numbers.count * Number.bitWidth / 8)
  for number in numbers {
    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }
  return bytes
}

/// The numbers that `bytes` hold, the lowest byte of each first; an incomplete one at the end is
/// left out.
func numbers<Number: FixedWidthInteger>(ofLittleEndianBytes bytes: [UInt8]) -> [Number] {
  let size = Number.bitWidth / 8
  return stride(from: 0, through: bytes.count - size, by: size).map { start in
    var number: Number = 0
    for place in 0..<size {
      number |= Number(truncatingIfNeeded: bytes[start + place]) << (8 * place)
    }
    return number
  }
}
