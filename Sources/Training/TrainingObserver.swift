/// What a training run tells the outside, on every rank; the observer of rank 0 usually is the only
/// one that does something.
public protocol TrainingObserver: AnyObject {
  /// Something happened.
  func note(_ event: TrainingEvent)

  /// A checkpoint of `state` is due.
  ///
  /// - Parameter isFinalAttempt: whether the run ends after this, so that a failure must be thrown;
  ///   else a failure may be reported as a warning, and the next checkpoint tries again.
  func keep(_ state: TrainingState, isFinalAttempt: Bool) throws
}

/// The observer of ranks that write nothing.
public final class SilentObserver: TrainingObserver {
  /// An observer without effect.
  public init() {}
  public func note(_ event: TrainingEvent) {}
  public func keep(_ state: TrainingState, isFinalAttempt: Bool) throws {}
}

/// Measures the time of epochs.
struct EpochClock {
  private var begin = ContinuousClock.now

  /// Seconds since the last lap, or since the clock was made.
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { begin = now }
    let elapsed = (now - begin).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }
}
