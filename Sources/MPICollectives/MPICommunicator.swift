internal import CMPIShim
import Collectives
import Foundation

/// A ``Communicator`` over MPI.
///
/// Waiting sleeps between tests instead of spinning, so that it takes no core from the threads that
/// run the backbone. A rank that stands still while the others wait is named by them after the
/// stall timeout, see ``StallWatch``.
///
/// The object belongs to the thread that made it; MPI is initialised for that use.
package final class MPICommunicator: Communicator {
  package let rank: Int
  package let worldSize: Int
  package let host: String
  package var activity = "" { didSet { watch?.activity = activity } }

  /// What follows from a stall, in the words of the command that runs; empty, or with a blank first.
  let stallAdvice: String
  private let stallStatus: Int32
  private let stallTimeout: Duration?

  /// Whether this process has been told to end, as mpirun tells all ranks when one of them is gone.
  package var isToldToEnd: () -> Bool = { false }

  package var whileWaiting: () -> Void = {}

  let handle: OpaquePointer
  /// This rank's part in watching over all; nil where it is alone, or waits for ever.
  var watch: StallWatch?
  /// The most elements that one MPI call moves; its counts are 32-bit.
  package var chunkElements = 1 << 27
  /// Whether MPI takes no messages any more.
  private var isClosing = false

  /// Initialises MPI and duplicates its world.
  ///
  /// - Parameters:
  ///   - stallStatus: what the process exits with where the others do not come to the start or do
  ///     not leave, inside MPI.
  ///   - stallAdvice: what the message of a stall ends with: what the running command offers.
  /// - Throws: ``CollectiveError/transport(operation:reason:)`` with MPI's words, and
  ///   ``CollectiveError/launch(_:)`` when the launcher started more processes than MPI sees.
  package init(
    launcher: Launcher, stallTimeout: Duration? = nil, stallStatus: Int32, stallAdvice: String = ""
  ) throws(CollectiveError) {
    var opened: OpaquePointer?
    var rank: Int32 = 0
    var size: Int32 = 0
    let host = ProcessInfo.processInfo.hostName
    let watchdog = Watchdog(
      stallTimeout, index: launcher.localRank ?? 0, status: stallStatus
    ) { seconds in
      "On host \(host) a process has waited \(seconds) s in MPI_Init: one of the others does not "
        + "come. See whether all hosts and processes of this run live."
        + (stallAdvice.isEmpty ? "" : " \(stallAdvice)")
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
    self.stallStatus = stallStatus
    self.stallAdvice = stallAdvice.isEmpty ? "" : " \(stallAdvice)"
    watch =
      size < 2
      ? nil
      : stallTimeout.map {
        StallWatch(
          rank: Int(rank), worldSize: Int(size), host: host, timeout: $0,
          transport: Self.transport(opened))
      }
    try launcher.check(worldSize: Int(size))
  }

  /// Leaves MPI in the regular way. Collective; the communicator must not be used afterwards.
  ///
  /// A rank that does not come is named like in any other operation. One that stops even later,
  /// inside MPI's own farewell, holds that up without end, so the process then ends by itself.
  package func close() throws(CollectiveError) {
    try barrier()
    let watchdog = Watchdog(stallTimeout, index: rank, status: stallStatus) {
      [rank, host] seconds in
      "Rank \(rank) (host \(host)) has waited \(seconds) s for the others to leave MPI, and one of "
        + "them does not. The work was done before."
    }
    isClosing = true
    if watch != nil { try drainHeartbeats() }
    let code = avp_mpi_close(handle)
    watchdog.disarm()
    try Self.check("MPI_Finalize", code)
  }

  /// Ends all ranks with `status`, at once.
  package func abort(status: Int32) -> Never {
    if !isClosing { sayFarewell() }
    avp_mpi_abort(status)
  }

  package func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    try agree(count: values.count)
    try reduceInPlace(&values, reduction)
  }

  package func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {
    var count = [Int64(rank == root ? bytes.count : 0)]
    try reduceInPlace(&count, .maximum)
    if rank != root { bytes = [UInt8](repeating: 0, count: Int(count[0])) }
    try chunked(&bytes) { pointer, chunk, request in
      avp_mpi_start_broadcast(self.handle, pointer, chunk, Int32(root), &request)
    }
  }

  package func barrier() throws(CollectiveError) {
    try wait("a barrier") { avp_mpi_start_barrier(self.handle, &$0) }
  }
}

// MARK: - Moving data

extension MPICommunicator {
  private func agree(count: Int) throws(CollectiveError) {
    var extremes = [Int64(count), -Int64(count)]
    try reduceInPlace(&extremes, .maximum)
    guard extremes[0] == -extremes[1] else {
      throw .mismatch(
        "The ranks reduce different numbers of values (\(-extremes[1]) to \(extremes[0]); "
          + "\(count) on rank \(rank), host \(host)). Do all hosts run the same avp-dist?")
    }
  }

  func reduceInPlace<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {
    let type = Self.type(Element.reducibleKind)
    let operation = Self.operation(reduction)
    try chunked(&values) { pointer, count, request in
      avp_mpi_start_allreduce(self.handle, pointer, count, type, operation, &request)
    }
  }

  /// Runs `start` on each piece of `values` that fits MPI's 32-bit counts.
  func chunked<Element>(
    _ values: inout [Element],
    _ start: (UnsafeMutableRawPointer?, Int32, inout OpaquePointer?) -> Int32
  ) throws(CollectiveError) {
    let count = values.count
    for offset in stride(from: 0, to: count, by: chunkElements) {
      let chunk = Int32(min(chunkElements, count - offset))
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
}

// MARK: - MPI's terms

extension MPICommunicator {
  static func check(_ operation: String, _ code: Int32) throws(CollectiveError) {
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
