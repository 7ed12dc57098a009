import Foundation
import Synchronization

/// A request to stop at the next step, from SIGTERM, SIGINT, SIGHUP or SIGUSR1 (Slurm's warning).
///
/// The first signal asks; the training loop answers after its current step with a checkpoint. A
/// second SIGINT is urgent. (A second SIGTERM is not: mpirun sends one to ranks that already stop.)
package final class StopSignal: Sendable {
  /// What somebody asked for without a signal.
  private let requested = Atomic<Int32>(0)
  private let isListening = Atomic<Bool>(false)

  /// A signal that has not been given; ``listen(onSecond:)`` connects it to the process.
  package init() {}

  /// The number of the signal that asked to stop, 0 for none.
  package var number: Int32 {
    let own = requested.load(ordering: .relaxed)
    guard own == 0, isListening.load(ordering: .relaxed) else { return own }
    return ReceivedSignals.last.load(ordering: .relaxed)
  }

  /// Whether somebody asked a second time, and so does not want to wait for a checkpoint.
  package var isUrgent: Bool {
    isListening.load(ordering: .relaxed) && ReceivedSignals.isUrgent.load(ordering: .relaxed)
  }

  /// Asks to stop, as signal `number` would.
  package func request(_ number: Int32) {
    requested.store(number, ordering: .relaxed)
  }

  /// What an urgent signal does, besides ``isUrgent``.
  package enum SecondAction: Sendable {
    /// The process ends at once, as if the signal had killed it.
    case exit
    /// Nothing more.
    case none
  }

  /// Takes the process' signals over from their default actions; SIGHUP only where it is not
  /// ignored already, as under nohup.
  ///
  /// - Parameter onSecond: what an urgent signal does.
  package func listen(onSecond: SecondAction = .exit) {
    ReceivedSignals.listen(exitsOnSecond: onSecond == .exit)
    isListening.store(true, ordering: .relaxed)
  }
}

/// What the signal handlers of this process have noted.
///
/// A handler, not a dispatch source: from the moment it stands no signal is lost, and `launch` sees
/// in /proc that a rank has it.
private enum ReceivedSignals {
  static let last = Atomic<Int32>(0)
  static let isUrgent = Atomic<Bool>(false)
  static let exitsOnSecond = Atomic<Bool>(false)

  static func listen(exitsOnSecond isFatal: Bool) {
    // Every variable of the handler is touched here first: it must not be what initialises them.
    exitsOnSecond.store(isFatal, ordering: .relaxed)
    isUrgent.store(false, ordering: .relaxed)
    last.store(0, ordering: .relaxed)

    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      let before = ReceivedSignals.last.exchange(number, ordering: .relaxed)
      guard before == SIGINT && number == SIGINT else { return }
      ReceivedSignals.isUrgent.store(true, ordering: .relaxed)
      if ReceivedSignals.exitsOnSecond.load(ordering: .relaxed) { _exit(128 + SIGINT) }
    }
    action.sa_flags = SA_RESTART
    for number in [SIGTERM, SIGINT, SIGUSR1] + (isIgnored(SIGHUP) ? [] : [SIGHUP]) {
      sigaction(number, &action, nil)
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
