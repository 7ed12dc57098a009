internal import CMPIShim
public import Collectives
import Foundation

/// A ``Communicator`` over MPI.
///
/// Waiting sleeps between tests instead of spinning, so that it takes no core from the threads that
/// run the backbone. A rank that stands still while the others wait is named by them after the
/// stall time-out: every rank sends ranks 0 and 1 a small notice before each operation and repeats
/// it while it waits or is busy, so these two know who has fallen silent and who does not get on.
/// They repeat theirs to all, so the others know that somebody watches.
///
/// The object belongs to the thread that made it; MPI is initialised for that use.
public final class MPICommunicator: Communicator {
  public let rank: Int
  public let worldSize: Int
  public let host: String
  public var activity = ""

  /// How long a rank may stand still while others wait before they end the run; nil waits for ever.
  public var stallTimeout: Duration?

  /// Whether this process has been told to end, as mpirun tells all ranks when one of them is gone.
  public var isToldToEnd: () -> Bool = { false }

  private let handle: OpaquePointer
  private var arrivals: Arrivals
  private var reported = ContinuousClock.now
  private var toldToEnd: ContinuousClock.Instant?
  private var hasNamedLost = false

  /// Initialises MPI and duplicates its world.
  ///
  /// - Throws: ``CollectiveError/transport(operation:reason:)`` with MPI's words, and
  ///   ``CollectiveError/launch(_:)`` when the launcher started more processes than MPI sees.
  public init(launcher: Launcher, stallTimeout: Duration? = nil) throws(CollectiveError) {
    var opened: OpaquePointer?
    var rank: Int32 = 0
    var size: Int32 = 0
    let host = ProcessInfo.processInfo.hostName
    let watchdog = Watchdog(stallTimeout, place: launcher.localRank ?? 0) { seconds in
      "On host \(host) a process has waited \(seconds) s in MPI_Init: one of the others does not "
        + "come. See whether all hosts and processes of this run live; a longer patience is set "
        + "with --stall-timeout."
    }
    let code = avp_mpi_open(&opened, &rank, &size)
    watchdog.disarm()
    try Self.check("MPI_Init", code)
    guard let opened else {
      throw .transport(operation: "MPI_Init", reason: "no communicator was made")
    }
    handle = opened
    self.rank = Int(rank)
    worldSize = Int(size)
    self.host = host
    self.stallTimeout = stallTimeout
    arrivals = Arrivals(worldSize: Int(size))
    try launcher.check(worldSize: Int(size))
  }

  /// Leaves MPI in the regular way. Collective; the communicator must not be used afterwards.
  ///
  /// A rank that does not come is named like in any other operation. One that stops even later,
  /// inside MPI's own farewell, holds that up without end, so the process then ends with status 69.
  public func close() throws(CollectiveError) {
    try barrier()
    let watchdog = Watchdog(stallTimeout, place: rank) { [rank, host] seconds in
      "Rank \(rank) (host \(host)) has waited \(seconds) s for the others to leave MPI, and one of "
        + "them does not. The work was done before."
    }
    let code = avp_mpi_close(handle)
    watchdog.disarm()
    try Self.check("MPI_Finalize", code)
  }

  /// Ends all ranks with `status`, at once.
  public func abort(status: Int32) -> Never {
    avp_mpi_abort(handle, status)
    exit(status)
  }

  public func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    try agree(count: values.count)
    try reduceInPlace(&values, reduction)
  }

  public func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {
    var count = [Int64(rank == root ? bytes.count : 0)]
    try reduceInPlace(&count, .maximum)
    if rank != root { bytes = [UInt8](repeating: 0, count: Int(count[0])) }
    try chunked(&bytes) { pointer, chunk, request in
      avp_mpi_start_broadcast(self.handle, pointer, chunk, Int32(root), &request)
    }
  }

  public func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
    try collect(bytes, receives: true) { own, count, all, counts, offsets, request in
      avp_mpi_start_allgather(self.handle, own, count, all, counts, offsets, &request)
    }
  }

  public func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
    try collect(bytes, receives: rank == root) { own, count, all, counts, offsets, request in
      avp_mpi_start_gather(
        self.handle, own, count, all, counts, offsets, Int32(root), &request)
    }
  }

  public func barrier() throws(CollectiveError) {
    try wait("a barrier") { avp_mpi_start_barrier(self.handle, &$0) }
  }

  public func reportActivity() throws(CollectiveError) {
    guard worldSize > 1, let stallTimeout else { return }
    let now = ContinuousClock.now
    try nameLost()
    guard now - reported > Self.reminderInterval(stallTimeout) / 2 else { return }
    reported = now
    try sendNotice(.busy)
    try hear()
  }
}

// MARK: - Moving data

extension MPICommunicator {
  /// The most elements that one MPI call moves; its counts are 32-bit.
  private static var chunkElements: Int { 1 << 27 }

  private func agree(count: Int) throws(CollectiveError) {
    var extremes = [Int64(count), -Int64(count)]
    try reduceInPlace(&extremes, .maximum)
    guard extremes[0] == -extremes[1] else {
      throw .mismatch(
        "The ranks reduce different numbers of values (\(-extremes[1]) to \(extremes[0]); "
          + "\(count) on rank \(rank), host \(host)). Do all hosts run the same avp-dist?")
    }
  }

  private func reduceInPlace<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    let type = Self.type(Element.reducibleKind)
    let operation = Self.operation(reduction)
    try chunked(&values) { pointer, count, request in
      avp_mpi_start_allreduce(self.handle, pointer, count, type, operation, &request)
    }
  }

  /// Runs `start` on each piece of `values` that fits MPI's 32-bit counts.
  private func chunked<Element>(
    _ values: inout [Element],
    _ start: (UnsafeMutableRawPointer?, Int32, inout OpaquePointer?) -> Int32
  ) throws(CollectiveError) {
    let count = values.count
    for offset in stride(from: 0, to: count, by: Self.chunkElements) {
      let chunk = Int32(min(Self.chunkElements, count - offset))
      // The closure returns an error instead of throwing it: the buffer must outlive the request.
      let failure = values.withUnsafeMutableBufferPointer { buffer -> CollectiveError? in
        let pointer = buffer.baseAddress.map { UnsafeMutableRawPointer($0 + offset) }
        do throws(CollectiveError) {
          try self.wait("an exchange") { start(pointer, chunk, &$0) }
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
    }
  }

  private typealias StartGather = (
    UnsafeRawPointer?, Int32, UnsafeMutableRawPointer?, UnsafePointer<Int32>?,
    UnsafePointer<Int32>?, inout OpaquePointer?
  ) -> Int32

  private func collect(
    _ bytes: [UInt8], receives: Bool, _ start: StartGather
  ) throws(CollectiveError) -> [[UInt8]] {
    var sizes = [Int64](repeating: 0, count: worldSize)
    sizes[rank] = Int64(bytes.count)
    try reduceInPlace(&sizes, .sum)
    let total = sizes.reduce(0, +)
    guard total <= Int64(Int32.max) else {
      throw .mismatch("The ranks gather \(total) bytes at once; the transport moves 2 GiB at most.")
    }
    let counts = sizes.map(Int32.init)
    let offsets = counts.indices.map { counts[..<$0].reduce(0, +) }
    var all = [UInt8](repeating: 0, count: receives ? max(1, Int(total)) : 1)
    let failure = bytes.withUnsafeBytes { own in
      all.withUnsafeMutableBytes { target -> CollectiveError? in
        counts.withUnsafeBufferPointer { counts in
          offsets.withUnsafeBufferPointer { offsets -> CollectiveError? in
            do throws(CollectiveError) {
              try self.wait("a gathering") {
                start(
                  own.baseAddress, Int32(own.count), target.baseAddress, counts.baseAddress,
                  offsets.baseAddress, &$0)
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
    guard receives else { return [] }
    return zip(offsets, counts).map { Array(all[Int($0)..<Int($0 + $1)]) }
  }
}

// MARK: - Waiting

extension MPICommunicator {
  /// Starts an operation and sleeps between tests until it has ended.
  private func wait(
    _ operation: String, _ start: (inout OpaquePointer?) -> Int32
  ) throws(CollectiveError) {
    try announce()
    var request: OpaquePointer?
    try Self.check(operation, start(&request))
    var watch = Watch()
    var tests = 0
    while let pending = request {
      var done: Int32 = 0
      try Self.check(operation, avp_mpi_test(pending, &done))
      if done != 0 { break }
      tests += 1
      nap(after: tests)
      // Often: on a busy machine each nap lasts many milliseconds.
      if tests % 16 == 0 || tests > 512 {
        try remind(&watch)
        try nameLost()
        try checkStall(operation, &watch)
      }
    }
    request = nil
  }

  /// Yields at first, as most operations end within microseconds, then sleeps up to half a
  /// millisecond.
  private func nap(after tests: Int) {
    if tests < 64 {
      sched_yield()
    } else {
      usleep(tests < 512 ? 50 : 500)
    }
  }

  /// Tells ranks 0 and 1 that this rank enters its next operation, and hears those of the others.
  private func announce() throws(CollectiveError) {
    guard worldSize > 1, stallTimeout != nil else { return }
    arrivals.enter()
    try send(notice(.waiting), to: 0..<2)
    try hear()
  }

  /// How often a rank repeats its notice: several times within the stall time-out.
  private static func reminderInterval(_ stallTimeout: Duration) -> Duration {
    min(.seconds(1), stallTimeout / 8)
  }

  /// How long a rank may be silent before it counts as stopped.
  private static func patience(_ stallTimeout: Duration) -> Duration {
    reminderInterval(stallTimeout) * 4
  }

  /// The times of one wait.
  private struct Watch {
    var begin = ContinuousClock.now
    var reminded = ContinuousClock.now
    var checked = ContinuousClock.now
  }

  /// Repeats the notice, so that nobody takes this rank for a silent one.
  private func remind(_ watch: inout Watch) throws(CollectiveError) {
    guard worldSize > 1, let stallTimeout else { return }
    let now = ContinuousClock.now
    guard now - watch.reminded > Self.reminderInterval(stallTimeout) else { return }
    watch.reminded = now
    try sendNotice(.waiting)
    try hear()
  }

  /// Tells those who watch; of those, all.
  private func sendNotice(_ state: Arrivals.State) throws(CollectiveError) {
    try send(notice(state), to: 0..<(rank < 2 ? worldSize : 2))
  }

  private func notice(_ state: Arrivals.State) -> [CChar] {
    // Told once that it ends, a rank does not take that back.
    arrivals.notice(host: host, activity: activity, state: toldToEnd == nil ? state : .ending)
  }

  /// Names the ranks that are gone, where all are told to end because of them: mpirun gives the
  /// others a second, in which those that live say so.
  private func nameLost() throws(CollectiveError) {
    guard worldSize > 1, stallTimeout != nil, !hasNamedLost, isToldToEnd() else { return }
    guard let toldToEnd else {
      toldToEnd = .now
      return try sendNotice(.ending)
    }
    guard rank < 2, ContinuousClock.now - toldToEnd > .milliseconds(400) else { return }
    try hear()
    hasNamedLost = true
    let lost = arrivals.lost(except: rank)
    guard !lost.isEmpty, rank == 0 || !arrivals.isEnding(0) else { return }
    let text = "avp-dist: all ranks are told to end, and these do not answer: "
    try? FileHandle.standardError.write(
      contentsOf: Data((text + lost.joined(separator: "; ") + "\n").utf8))
  }

  private func send(_ notice: [CChar], to ranks: Range<Int>) throws(CollectiveError) {
    for receiver in ranks where receiver != rank {
      try Self.check("a notice", avp_mpi_notice_send(handle, Int32(receiver), notice))
    }
  }

  private func hear() throws(CollectiveError) {
    var notice = [CChar](repeating: 0, count: Int(AVP_MPI_NOTICE_BYTES))
    while true {
      var sender: Int32 = -1
      try Self.check("a notice", avp_mpi_notice_receive(handle, &sender, &notice))
      guard sender >= 0 else { return }
      arrivals.record(notice, from: Int(sender))
    }
  }

  /// Ends the wait when it has lasted too long and somebody stands still. Rank 0 speaks first, then
  /// rank 1, then any other, so that usually one rank alone reports.
  private func checkStall(
    _ operation: String, _ watch: inout Watch
  ) throws(CollectiveError) {
    guard let stallTimeout, worldSize > 1 else { return }
    let now = ContinuousClock.now
    defer { watch.checked = now }
    // Time in which this rank itself was stopped is no waiting for others.
    if now - watch.checked > Self.patience(stallTimeout) { watch.begin = now }
    let waited = now - watch.begin
    guard waited > stallTimeout + .seconds(2 * min(rank, 2)) else { return }
    try hear()
    guard let culprits = culprits(stallTimeout) else { return }
    throw .stalled(
      "Rank \(rank) (host \(host)) has waited \(waited.components.seconds) s in \(operation): "
        + "\(culprits). The run ends here and can be resumed from its last checkpoint; a longer "
        + "patience is set with --stall-timeout.")
  }

  /// Who stands still, in words; nil where all that are missing get on. Ranks beyond 1 hear of 0
  /// and 1 alone, and speak where both stand still.
  private func culprits(_ stallTimeout: Duration) -> String? {
    let watched = (0..<(rank < 2 ? worldSize : 2)).filter { $0 != rank }
    let stalled = arrivals.stalled(among: watched, limit: stallTimeout)
    if rank >= 2 {
      return stalled.count == watched.count
        ? "ranks 0 and 1, which watch over the others, do not answer either" : nil
    }
    guard stalled.isEmpty else {
      return arrivals.complaints(about: stalled, patience: Self.patience(stallTimeout))
        .joined(separator: "; ")
    }
    return arrivals.areUnchanged(watched, limit: stallTimeout)
      ? "every rank answers, but the exchange does not end" : nil
  }

  private static func check(_ operation: String, _ code: Int32) throws(CollectiveError) {
    guard code != 0 else { return }
    var text = [CChar](repeating: 0, count: 512)
    avp_mpi_error_text(code, &text, text.count)
    let reason = String(
      decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    throw .transport(operation: operation, reason: "\(reason) (MPI code \(code))")
  }

  private static func type(_ kind: ReducibleKind) -> avp_mpi_type {
    switch kind {
    case .float: AVP_MPI_FLOAT
    case .double: AVP_MPI_DOUBLE
    case .int64: AVP_MPI_INT64
    }
  }

  private static func operation(_ reduction: Reduction) -> avp_mpi_op {
    switch reduction {
    case .sum: AVP_MPI_SUM
    case .minimum: AVP_MPI_MIN
    case .maximum: AVP_MPI_MAX
    }
  }
}
