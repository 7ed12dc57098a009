import Dispatch
import Foundation
import Synchronization

/// A request to stop at the next step, from SIGTERM, SIGINT, SIGHUP or SIGUSR1 (Slurm's warning).
///
/// `@unchecked Sendable`: the sources are only touched by ``listen(onSecond:)`` and the
/// deinitialiser.
///
/// The first signal asks; the training loop answers after its current step with a checkpoint. A
/// second SIGINT is urgent. (A second SIGTERM is not: mpirun sends one to ranks that already stop.)
public final class StopSignal: @unchecked Sendable {
  private let received = Atomic<Int32>(0)
  private let urgent = Atomic<Bool>(false)
  private var sources: [any DispatchSourceSignal] = []

  /// A signal that has not been given; ``listen(onSecond:)`` connects it to the process.
  public init() {}

  /// The number of the signal that asked to stop, 0 for none.
  public var number: Int32 { received.load(ordering: .relaxed) }

  /// Whether somebody asked a second time, and so does not want to wait for a checkpoint.
  public var isUrgent: Bool { urgent.load(ordering: .relaxed) }

  /// Asks to stop, as signal `number` would.
  public func request(_ number: Int32) {
    received.store(number, ordering: .relaxed)
  }

  /// Takes the signals over from their default actions; SIGHUP only where it is not ignored
  /// already, as under nohup.
  ///
  /// - Parameter onSecond: what an urgent signal does, besides ``isUrgent``; runs on a thread of
  ///   its own.
  public func listen(onSecond: @escaping @Sendable () -> Void = { _exit(128 + SIGINT) }) {
    let queue = DispatchQueue(label: "signals")
    for number in [SIGTERM, SIGINT, SIGUSR1] + (Self.isIgnored(SIGHUP) ? [] : [SIGHUP]) {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [self] in
        if self.number == SIGINT && number == SIGINT {
          urgent.store(true, ordering: .relaxed)
          onSecond()
        } else {
          request(number)
        }
      }
      source.resume()
      sources.append(source)
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
