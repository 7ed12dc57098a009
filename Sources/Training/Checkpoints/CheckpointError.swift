/// Why a file cannot serve as checkpoint or model.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  case missing(String)
  /// A file or folder that is there and cannot be read; why.
  case unreadable(String, String)
  /// The checksum differs: cut off, altered, or never complete.
  case damaged(String)
  /// Intact, but not what is needed; why.
  case foreign(String, String)
  /// A model file, which has no optimizer state.
  case modelOnly(String)

  package var description: String {
    switch self {
    case .missing(let path): "\(path) cannot be read as a checkpoint: there is no such file."
    case .unreadable(let path, let reason):
      "\(path) is there and cannot be read: \(reason). Make it readable, or move it away to go on "
        + "without it."
    case .damaged(let path):
      "\(path) is damaged or no checkpoint of avp-dist: its checksum does not fit."
    case .foreign(let path, let reason): "\(path) cannot be used as a checkpoint: \(reason)."
    case .modelOnly(let path):
      "\(path) is a model, not a checkpoint: it has no optimizer state to go on from. Resume from a "
        + "file in the run's checkpoints folder."
    }
  }
}
