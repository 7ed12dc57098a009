internal import CMPIShim
import Collectives
import FileIO

extension MPICommunicator {
  package func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    if worldSize <= Self.allgatherLimit { return try collect(bytes) }
    var joined = try collected(bytes, to: 0)
    try broadcast(&joined, from: 0)
    return try parts(of: joined)
  }

  package func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    let joined = try collected(bytes, to: root)
    guard rank == root else { return [] }
    let parts = try parts(of: joined)
    // They begin with the root's.
    return Array(parts[(worldSize - root)...] + parts[..<(worldSize - root)])
  }

  /// In MPI's allgather of unequal parts every rank sends to every other one.
  private static var allgatherLimit: Int { 16 }

  private func collect(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    var sizes = [Int64](repeating: 0, count: worldSize)
    sizes[rank] = Int64(bytes.count)
    try reduceInPlace(&sizes, .sum)
    let total = sizes.reduce(0, +)
    guard total <= Int64(Int32.max) else {
      throw .mismatch("The ranks gather \(total) bytes at once; the transport moves 2 GiB at most.")
    }
    let counts = sizes.map(Int32.init)
    var offsets = [Int32](repeating: 0, count: worldSize)
    for rank in 1..<max(1, worldSize) { offsets[rank] = offsets[rank - 1] + counts[rank - 1] }
    var all = [UInt8](repeating: 0, count: max(1, Int(total)))
    let failure = bytes.withUnsafeBytes { own in
      all.withUnsafeMutableBytes { target -> CollectiveError? in
        counts.withUnsafeBufferPointer { counts in
          offsets.withUnsafeBufferPointer { offsets -> CollectiveError? in
            do throws(CollectiveError) {
              try self.wait("a gathering") {
                avp_mpi_start_allgather(
                  self.handle, own.baseAddress, Int32(own.count), target.baseAddress,
                  counts.baseAddress, offsets.baseAddress, &$0)
              }
              return nil
            } catch {
              return error
            }
          }
        }
      }
    }
    if let failure { throw failure }
    return zip(offsets, counts).map { Array(all[Int($0)..<Int($0 + $1)]) }
  }

  /// The bytes of all ranks on `root`, from its own onwards, each behind their number; elsewhere
  /// nothing. They go along a binomial tree, in which no rank speaks to more than log₂ N others: where
  /// all send to one, that one needs a connection to each.
  private func collected(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [UInt8] {
    let index = (rank - root + worldSize) % worldSize
    var joined = little(bytes.count, 8) + bytes
    var distance = 1
    while distance < worldSize {
      if index & distance != 0 {
        try send(joined, to: (rank - distance + worldSize) % worldSize)
        return []
      }
      if index + distance < worldSize { joined += try receive(from: (rank + distance) % worldSize) }
      distance *= 2
    }
    return joined
  }

  private func send(_ bytes: [UInt8], to receiver: Int) throws(CollectiveError) {
    for var part in [little(bytes.count, 8), bytes] {
      try chunked(&part) { pointer, count, request in
        avp_mpi_start_send(self.handle, pointer, count, Int32(receiver), &request)
      }
    }
  }

  private func receive(from sender: Int) throws(CollectiveError) -> [UInt8] {
    func bytes(_ count: Int) throws(CollectiveError) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      try chunked(&bytes) { pointer, count, request in
        avp_mpi_start_receive(self.handle, pointer, count, Int32(sender), &request)
      }
      return bytes
    }
    let count: [UInt64] = numbers(ofLittleEndianBytes: try bytes(8)[...])
    return try bytes(Int(count[0]))
  }

  /// Takes apart what ``collected(_:to:)`` has joined.
  private func parts(of joined: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    var rest = joined[...]
    var parts: [[UInt8]] = []
    while rest.count >= 8 {
      let count: [UInt64] = numbers(ofLittleEndianBytes: rest.prefix(8))
      parts.append(Array(rest.dropFirst(8).prefix(Int(clamping: count[0]))))
      rest = rest.dropFirst(8 + parts[parts.count - 1].count)
    }
    guard parts.count == worldSize else {
      throw .mismatch("The ranks gather different things; is avp-dist the same?")
    }
    return parts
  }
}
