import Collectives
import Foundation
import MPICollectives

/// Runs one named check of the communicator on every rank, with other data on each, and prints one
/// line for each rank's finding on rank 0: tests start it under mpirun and compare the lines.
func run(_ check: String, on communicator: some Communicator) throws -> String {
  let rank = communicator.rank
  let worldSize = communicator.worldSize
  switch check {
  case "reduce":
    var floats: [Float] = [Float(rank) + 0.5, Float(-rank)]
    try communicator.allreduce(&floats, .sum)
    var doubles: [Double] = [Double(rank * rank), 1]
    try communicator.allreduce(&doubles, .maximum)
    var integers: [Int64] = [1 << 60 - Int64(rank), Int64(rank)]
    try communicator.allreduce(&integers, .minimum)
    var large = (0..<300_000).map { Int64($0) * Int64(rank + 1) }
    try communicator.allreduce(&large, .sum)
    let factor = Int64(worldSize * (worldSize + 1) / 2)
    let exact = large.indices.allSatisfy { large[$0] == Int64($0) * factor }
    return "\(floats) \(doubles) \(integers) \(exact)"
  case "broadcast":
    var texts: [String] = []
    for root in 0..<worldSize {
      var bytes = rank == root ? [UInt8](repeating: UInt8(rank + 1), count: rank * 3) : [9, 9]
      try communicator.broadcast(&bytes, from: root)
      texts.append("\(bytes)")
    }
    return texts.joined(separator: " ")
  case "gather":
    let own = Array("rank \(rank)".utf8.prefix(rank == 1 ? 0 : 99))
    let everywhere = try communicator.allgather(own).map { String(decoding: $0, as: UTF8.self) }
    let last = worldSize - 1
    let atLast = try communicator.gather(own, to: last).map { String(decoding: $0, as: UTF8.self) }
    try communicator.barrier()
    return "\(everywhere) \(atLast.count)"
  case "chunks":
    // Each chunk with numbers of its own; the last one is short.
    var values = (0..<2_500).map { Int64($0 * (rank + 1)) }
    try communicator.allreduce(&values, .sum)
    let factor = worldSize * (worldSize + 1) / 2
    var bytes = rank == 1 ? (0..<3_000).map { UInt8($0 % 251) } : []
    try communicator.broadcast(&bytes, from: 1)
    let isWhole = bytes == (0..<3_000).map { UInt8($0 % 251) }
    return "\(values == (0..<2_500).map { Int64($0 * factor) }) \(isWhole)"
  case "mismatch":
    var values = [Int64](repeating: 1, count: rank == 0 ? 3 : 4)
    do {
      try communicator.allreduce(&values, .sum)
      return "no error"
    } catch {
      return "\(error)".hasPrefix("The ranks reduce different numbers of values")
        ? "refused" : "\(error)"
    }
  case "busy", "progress":
    // For longer than the stall timeout.
    communicator.activity = "step 3, file \(rank).jpg"
    try communicator.barrier()
    for image in 0..<(check == "busy" ? 240 : 40) where rank == chosen {
      usleep(250_000)
      if check == "progress" { communicator.activity = "step 3, file \(image).jpg" }
      try communicator.reportActivity()
    }
    try communicator.barrier()
    return "no stall"
  case "stall", "watchers":
    communicator.activity = "step 3, file \(rank).jpg"
    try communicator.barrier()
    if check == "watchers" ? rank < 2 : rank == chosen { sleep(60) }
    try communicator.barrier()
    return "no stall"
  case "stop":
    // The rank stops while it waits inside an exchange, as the next rank comes late.
    communicator.activity = "step 4, file \(rank).jpg"
    try communicator.barrier()
    let late = (chosen + 1) % worldSize
    if rank == chosen {
      Thread.detachNewThread {
        usleep(700_000)
        kill(getpid(), SIGSTOP)
      }
    }
    if rank == late { usleep(1_200_000) }
    var values = [Int64](repeating: 1, count: 1000)
    for _ in 0..<3 { try communicator.allreduce(&values, .sum) }
    return "no stall"
  case "ending":
    // All but the chosen rank are told to end in step 6, which that one does not reach in time.
    communicator.activity = "step 5, file \(rank).jpg"
    try communicator.barrier()
    if rank == chosen { sleep(5) } else { communicator.activity = "step 6" }
    try communicator.barrier()
    return "done"
  case "leave", "farewell", "hello":
    communicator.activity = "step 5, file \(rank).jpg"
    return "done"
  default:
    return "unknown check \(check)"
  }
}

/// Gathers each rank's line to rank 0, which prints them in rank order.
func report(_ line: String, on communicator: some Communicator) throws {
  for (rank, bytes) in try communicator.gather(Array(line.utf8), to: 0).enumerated() {
    print("\(rank): \(String(decoding: bytes, as: UTF8.self))")
  }
}

let words = Array(CommandLine.arguments.dropFirst())
let check = words.first ?? ""
/// The rank that misbehaves, where the check has one.
let chosen = words.dropFirst().first.flatMap { Int($0) } ?? 0
let launcher = Launcher(environment: ProcessInfo.processInfo.environment)
if launcher.usesMPI {
  if check == "hello", launcher.localRank == chosen { kill(getpid(), SIGSTOP) }
  do {
    let communicator = try MPICommunicator(
      launcher: launcher,
      stallTimeout: .seconds(
        words.count < 2 || check == "ending" ? 60 : check == "progress" ? 8 : 2),
      stallStatus: 69)
    if check == "chunks" { communicator.chunkElements = 1_000 }
    communicator.isToldToEnd = { [unowned communicator] in communicator.activity == "step 6" }
    do {
      try report(run(check, on: communicator), on: communicator)
    } catch {
      try? FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
      communicator.abort(status: 69)
    }
    if check == "leave", communicator.rank == chosen { kill(getpid(), SIGSTOP) }
    if check == "farewell", communicator.rank == chosen {
      // The first part of closing, without the second.
      try communicator.barrier()
      kill(getpid(), SIGSTOP)
    }
    try communicator.close()
  } catch {
    try? FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
    exit(69)
  }
} else {
  let communicator = SingleProcess()
  try report(run(check, on: communicator), on: communicator)
}
