internal import CMPIShim
import Collectives
import Foundation

extension MPICommunicator {
  package func reportActivity() throws(CollectiveError) {
    try watch?.report(isToldToEnd: isToldToEnd())
  }

  /// Starts an operation and sleeps between tests until it has ended.
  func wait(
    _ operation: String, _ start: (inout OpaquePointer?) -> Int32
  ) throws(CollectiveError) {
    try watch?.enter()
    var request: OpaquePointer?
    try Self.check(operation, start(&request))
    guard let request else { return }
    watch?.beginWait()
    var tests = 0
    while true {
      var done: Int32 = 0
      try Self.check(operation, avp_mpi_test(request, &done))
      if done != 0 { return }
      tests += 1
      nap(after: tests)
      // Often: on a busy machine each nap lasts many milliseconds.
      if tests % 16 == 0 || tests > 512 { try look(operation) }
    }
  }

  func look(_ operation: String) throws(CollectiveError) {
    do throws(CollectiveError) {
      try watch?.look(operation, isToldToEnd: isToldToEnd())
    } catch {
      guard case .stalled(let text) = error else { throw error }
      throw .stalled(text + stallAdvice)
    }
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

  /// See ``StallWatch/sayFarewell()``.
  func sayFarewell() {
    // Again: a heartbeat is dropped where the one before is still on its way.
    for _ in 0..<3 where watch != nil {
      try? watch?.sayFarewell()
      usleep(1_000)
    }
  }

  /// Heartbeats over the communicator behind `handle`.
  static func transport(_ handle: OpaquePointer) -> HeartbeatTransport {
    HeartbeatTransport(
      send: { heartbeat, receiver throws(CollectiveError) in
        try check("a heartbeat", avp_mpi_heartbeat_send(handle, Int32(receiver), heartbeat))
      },
      receive: { () throws(CollectiveError) in
        var heartbeat = [CChar](repeating: 0, count: Int(AVP_MPI_HEARTBEAT_BYTES))
        var sender: Int32 = -1
        try check("a heartbeat", avp_mpi_heartbeat_receive(handle, &sender, &heartbeat))
        return sender < 0 ? nil : (Int(sender), heartbeat)
      },
      say: { try? FileHandle.standardError.write(contentsOf: Data(($0 + "\n").utf8)) },
      now: { .now })
  }
}
