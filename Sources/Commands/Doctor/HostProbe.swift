import Collectives
import Diagnosis
import Foundation
import Kernels
import MPICollectives

extension RankFacts {
  /// What this rank finds about its process and its host in files of the system.
  ///
  /// - Parameters:
  ///   - isFirst: whether it is the first rank of its host, which also asks the host's `mpirun`.
  ///   - threads: that compute features.
  init(_ communicator: any Communicator, isFirst: Bool, threads: Int) {
    self.init(rank: communicator.rank, host: communicator.host)
    let read = { ControlGroups.contents($0) ?? "" }
    boot = read("/proc/sys/kernel/random/boot_id").trimmingCharacters(in: .whitespacesAndNewlines)
    addresses = networkAddresses(
      trie: read("/proc/net/fib_trie"), routes: read("/proc/net/route"))
    mpi.library = mpiLibraryVersion()
    mpi.transports = messageCarriers(maps: read("/proc/self/maps"))
    if isFirst { mpi.starter = starterVersion() }

    let groups = ControlGroups.own
    processors.online = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    processors.mask = Processors.affinityMask(
      status: read("/proc/self/status"), processors: processors.online)
    processors.allowed = Processors.processors(inMask: processors.mask).count
    processors.limit = groups.processors
    processors.threads = threads
    processors.kernels = (try? KernelPath.selected().rawValue) ?? "unknown"
    processors.integers = (try? IntegerPath.selected().rawValue) ?? "unknown"

    let memoryText = read("/proc/meminfo")
    memory.physical = bytes("MemTotal", in: memoryText)
    memory.available = bytes("MemAvailable", in: memoryText)
    // A group without a limit may name the largest number there is.
    memory.limit = groups.memory.flatMap { $0 < memory.physical ? $0 : nil }
    let limitText = read("/proc/self/limits")
    limits.files = limit("Max open files", in: limitText)
    limits.processes = limit("Max processes", in: limitText)
  }
}

/// The number of a line such as `MemTotal:  16316412 kB`, in bytes; 0 where there is none.
func bytes(_ name: String, in text: String) -> Int {
  let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
  let number = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
  return number.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
}

/// The soft limit of a line such as `Max open files  1024  524288  files`; nil for none.
func limit(_ name: String, in text: String) -> Int? {
  let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
  return line?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
}

/// The components of Open MPI that carry messages, by the libraries that a process has loaded, in the
/// text of /proc/self/maps: the layer that was chosen, and what moves bytes for it. Of `ob1` these are
/// the BTLs, of `cm` the MTLs; others move them by themselves.
func messageCarriers(maps: String) -> [String] {
  let found = maps.matches(of: #/\/mca_(pml|mtl|btl)_(\w+)\.so/#)
  func names(_ kind: Substring) -> [String] {
    Set(found.filter { $0.1 == kind }.map { String($0.2) }).sorted()
  }
  let layers = names("pml")
  // Its own rank every process reaches.
  let movers = layers.contains("ob1") ? names("btl").filter { $0 != "self" } : []
  return layers + movers + (layers.contains("cm") ? names("mtl") : [])
}

/// This host's own addresses but those of its loop: the leaves `/32 host LOCAL` of the kernel's table
/// of routes in /proc/net/fib_trie, with the interface whose network in /proc/net/route they are in.
func networkAddresses(trie: String, routes: String) -> [Address] {
  let lines = trie.split(separator: "\n")
  let leaves = zip(lines, lines.dropFirst()).filter { $1.contains("/32 host LOCAL") }
  let own = Set(leaves.compactMap { $0.0.split(separator: " ").last.map(String.init) })
  let networks = routes.split(separator: "\n").dropFirst().compactMap { line -> Network? in
    let words = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
    guard words.count > 7, let base = UInt32(words[1], radix: 16),
      let mask = UInt32(words[7], radix: 16), mask != 0
    else { return nil }
    return Network(interface: String(words[0]), base: base.byteSwapped, mask: mask.byteSwapped)
  }
  return own.filter { !$0.hasPrefix("127.") }.sorted().map { address in
    let number = address.split(separator: ".").reduce(0 as UInt32) { $0 << 8 | (UInt32($1) ?? 0) }
    let network = networks.filter { number & $0.mask == $0.base }.max { $0.mask < $1.mask }
    return Address(interface: network?.interface ?? "?", address: address)
  }
}

private struct Network {
  let interface: String
  let base: UInt32
  let mask: UInt32
}

/// The first line of `mpirun --version` of the mpirun on the PATH; nil where there is none, or where it
/// does not answer in five seconds.
private func starterVersion() -> String? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["mpirun", "--version"]
  let output = Pipe()
  process.standardOutput = output
  process.standardError = output
  process.standardInput = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return nil }
  let deadline = ContinuousClock.now + .seconds(5)
  while process.isRunning && ContinuousClock.now < deadline { usleep(10_000) }
  guard !process.isRunning else {
    kill(process.processIdentifier, SIGKILL)
    return nil
  }
  guard process.terminationStatus == 0 else { return nil }
  let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
  return text.split(separator: "\n").first.map(String.init)
}
