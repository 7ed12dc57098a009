/// Why a head cannot be made or a step cannot be taken; the description is the message for a
/// person.
package enum HeadError: Error, Equatable, CustomStringConvertible {
  /// Widths that no head can have.
  case shape(String)
  /// A tensor is missing or has another shape.
  case tensor(name: String, reason: String)
  /// Samples whose loss or gradient was not finite or too large to be summed exactly.
  case notFinite(samples: Int)
  /// There was no sample to take a mean of.
  case noSamples
  /// A setting of the optimizer or of the learning-rate schedule is out of range.
  case setting(String)

  /// What happened.
  package var description: String {
    switch self {
    case .shape(let reason): return "the head cannot be made: \(reason)"
    case .tensor(let name, let reason): return "head tensor '\(name)' \(reason)"
    case .notFinite(let samples):
      return "the loss or gradient of \(samples) sample\(samples == 1 ? "" : "s") is not finite or "
        + "too large"
    case .noSamples: return "no image of the batch could be used, so there is nothing to average"
    case .setting(let reason): return reason
    }
  }
}
