internal import CMPIShim
import Collectives
import Foundation

extension MPICommunicator {
  package func reportActivity() throws(CollectiveError) {
    try watch?.report(isToldToEnd: isToldToEnd())
    whileWaiting()
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
    // When the others have heard that this rank lives: it may take longer than they wait for that.
    whileWaiting()
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

  /// Takes the heartbeats that are still under way, when all ranks have passed a barrier and send no
  /// new ones: one to a rank that has left would never arrive.
  func drainHeartbeats() throws(CollectiveError) {
    let transport = Self.transport(handle)
    var count: Int32 = 1
    while count > 0 {
      while try transport.receive() != nil {}
      try Self.check("a heartbeat", avp_mpi_heartbeats_under_way(handle, &count))
      if count > 0 { usleep(500) }
    }
    var request: OpaquePointer?
    try Self.check("a barrier", avp_mpi_start_barrier(handle, &request))
    var done: Int32 = 0
    while let request, done == 0 {
      while try transport.receive() != nil {}
      try Self.check("a barrier", avp_mpi_test(request, &done))
      if done == 0 { usleep(500) }
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
        try check(
          "a heartbeat",
          avp_mpi_heartbeat_send(handle, Int32(receiver), heartbeat, Int32(heartbeat.count)))
      },
      receive: { () throws(CollectiveError) in
        var sender: Int32 = -1
        var count: Int32 = 0
        try check("a heartbeat", avp_mpi_heartbeat_next(handle, &sender, &count))
        guard sender >= 0 else { return nil }
        var heartbeat = [UInt8](repeating: 0, count: Int(count))
        try check("a heartbeat", avp_mpi_heartbeat_receive(handle, sender, &heartbeat, count))
        return (Int(sender), heartbeat)
      },
      say: { try? FileHandle.standardError.write(contentsOf: Data(($0 + "\n").utf8)) },
      now: { .now })
  }
}
