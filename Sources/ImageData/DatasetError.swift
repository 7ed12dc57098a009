/// Why a picture set cannot be used; the description is the whole message for a person.
public struct DatasetError: Error, Equatable, CustomStringConvertible {
  /// The kinds of failure, which decide the exit status.
  public enum Kind: Sendable {
    /// A folder or file is not there or cannot be opened (exit status 66).
    case missing
    /// What is there cannot be used (exit status 65).
    case invalid
    /// This host cannot read it now: no memory, no file descriptor left, an error of the disk. It
    /// says nothing about the picture (exit status 69).
    case host
  }

  /// The kind of failure.
  public let kind: Kind
  /// What happened, to which file or folder, and what to do.
  public let description: String

  /// An error with its message.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
