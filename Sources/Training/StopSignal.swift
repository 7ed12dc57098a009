import Dispatch
import Foundation
import Synchronization

/// A request to stop at the next step, from SIGTERM, SIGINT or SIGUSR1 (Slurm's warning signal).
///
/// `@unchecked Sendable`: the sources are only touched by ``listen()`` and the deinitialiser.
///
/// The first signal asks; the training loop answers after its current step with a checkpoint. A second
/// SIGINT ends the process in the ordinary way.
public final class StopSignal: @unchecked Sendable {
  private let received = Atomic<Int32>(0)
  private var sources: [any DispatchSourceSignal] = []

  /// A signal that has not been given; ``listen()`` connects it to the process.
  public init() {}

  /// The number of the signal that asked to stop, 0 for none.
  public var number: Int32 { received.load(ordering: .relaxed) }

  /// Asks to stop, as signal `number` would.
  public func request(_ number: Int32) {
    received.store(number, ordering: .relaxed)
  }

  /// Takes the three signals over from their default actions.
  public func listen() {
    let queue = DispatchQueue(label: "signals")
    for number in [SIGTERM, SIGINT, SIGUSR1] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [self] in
        if self.number == SIGINT && number == SIGINT {
          signal(SIGINT, SIG_DFL)
          raise(SIGINT)
        }
        request(number)
      }
      source.resume()
      sources.append(source)
    }
  }
}
