internal import CMPIShim
import Collectives
import Foundation

extension MPICommunicator: PairExchange {
  package func exchange(
    _ bytes: [UInt8], with partner: Int
  ) throws(CollectiveError) -> [UInt8] {
    precondition(partner != rank && bytes.count <= Int(Int32.max), "no pair, or too much for one")
    let count = Int32(bytes.count)
    var answer = [UInt8](repeating: 0, count: bytes.count)
    let failure = bytes.withUnsafeBytes { own in
      answer.withUnsafeMutableBytes { other -> CollectiveError? in
        do throws(CollectiveError) {
          var receiving: OpaquePointer?
          var sending: OpaquePointer?
          try Self.check(
            "receiving",
            avp_mpi_start_receive(handle, other.baseAddress, count, Int32(partner), &receiving))
          try Self.check(
            "sending", avp_mpi_start_send(handle, own.baseAddress, count, Int32(partner), &sending))
          try finish([receiving, sending], with: partner)
          return nil
        } catch {
          return error
        }
      }
    }
    if let failure { throw failure }
    return answer
  }

  /// Tests until all have ended; sleeps between tests only where that takes long.
  private func finish(
    _ requests: [OpaquePointer?], with partner: Int
  ) throws(CollectiveError) {
    watch?.beginWait()
    var waiting = requests.compactMap { $0 }
    var tests = 0
    while let request = waiting.first {
      var done: Int32 = 0
      try Self.check("an exchange of two ranks", avp_mpi_test(request, &done))
      if done != 0 {
        waiting.removeFirst()
        continue
      }
      tests += 1
      if tests < 4096 { sched_yield() } else { usleep(50) }
      if tests % 1024 == 0 { try look("an exchange with rank \(partner)") }
    }
  }
}
