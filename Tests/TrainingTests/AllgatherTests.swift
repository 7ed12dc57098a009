import Collectives
import FileIO
import Testing

@testable import Training

@Suite struct AllgatherTests {
  @Test func numbersAreTheSameAsBytesAndBack() {
    let large: [Int64] = [0, 1, -1, .min, .max, 1 << 40 + 3]
    #expect(numbers(ofLittleEndianBytes: littleEndianBytes(of: large)[...]) == large)
    let small: [UInt32] = [0, .max, 0x0102_0304]
    let bytes = littleEndianBytes(of: small)
    #expect(bytes.suffix(4) == [4, 3, 2, 1])
    #expect(numbers(ofLittleEndianBytes: bytes[...]) == small)
    #expect(numbers(ofLittleEndianBytes: bytes.dropLast()) == Array(small.dropLast()))
    #expect(numbers(ofLittleEndianBytes: bytes[4...]) == Array(small.dropFirst()))
    #expect(numbers(ofLittleEndianBytes: []) == [UInt32]())
  }

  @Test func pathsOfAllRanksComeTogether() throws {
    let own = [["a\nb", "c"], [], ["c", "d"]]
    let unions = try onEveryRank(of: ThreadWorld(worldSize: 3)) { communicator in
      try communicator.union(ofPaths: own[communicator.rank])
    }.map { try $0.get() }
    for union in unions { #expect(union == PathSet(["a\nb", "c", "d"])) }
  }

  /// Equal as strings, and two files.
  @Test func pathsAreToldApartByTheirBytes() throws {
    let (composed, decomposed) = ("\u{e9}.jpg", "e\u{301}.jpg")
    #expect(composed == decomposed)
    for own in [[[composed], [decomposed]], [[decomposed], [composed]]] {
      let unions = try onEveryRank(of: ThreadWorld(worldSize: 2)) { communicator in
        try communicator.union(ofPaths: own[communicator.rank])
      }.map { try $0.get() }
      for union in unions {
        #expect(
          union.sorted.map { Array($0.utf8) } == [decomposed, composed].map { Array($0.utf8) })
      }
    }
  }

  @Test func ranksOfOneHostCountThemselves() throws {
    let hosts = ["x", "y", "x", "x", "z"]
    let world = ThreadWorld(worldSize: hosts.count)
    let indices = try onEveryRank(of: world) { communicator in
      let rank = communicator.rank
      let (index, count) = try ThreadCommunicator(rank: rank, world: world, host: hosts[rank])
        .indexOnHost()
      return [index, count]
    }.map { try $0.get() }
    #expect(indices == [[0, 3], [0, 1], [1, 3], [2, 3], [0, 1]])
  }
}
