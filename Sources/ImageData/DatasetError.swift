/// Why an image set cannot be used; the description is the whole message for a person.
package struct DatasetError: Error, Equatable, CustomStringConvertible {
  /// The kinds of failure, which decide the exit status.
  package enum Kind: Sendable {
    /// A folder or file is not there or cannot be opened (exit status 66).
    case missing
    /// What is there cannot be used (exit status 65).
    case invalid
    /// This host cannot read it now: no memory, no file descriptor left, an error of the disk. It
    /// says nothing about the image (exit status 69).
    case host
  }

  /// The kind of failure.
  package let kind: Kind
  /// What happened, to which file or folder, and what to do.
  package let description: String

  /// The same without the name of the file, for where that stands beside it.
  package let reason: String

  /// An error with its message.
  package init(_ kind: Kind, _ description: String) {
    self.init(kind, description, reason: description)
  }

  /// An error of the image at `path`: `clause` is what happened, as "cannot be used".
  init(_ kind: Kind, image path: String, _ clause: String) {
    self.init(kind, "the image \(path) \(clause)", reason: clause)
  }

  private init(_ kind: Kind, _ description: String, reason: String) {
    self.kind = kind
    self.description = description
    self.reason = reason
  }
}

// MARK: - On the way to another rank

extension DatasetError {
  /// Description and reason as bytes.
  package var encoded: [UInt8] { Array(description.utf8) + [0] + Array(reason.utf8) }

  /// The error that ``encoded`` was made of, if `kind` is its kind.
  package init(_ kind: Kind, encoded bytes: ArraySlice<UInt8>) {
    let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    self.init(kind, parts[0], reason: parts.last ?? "")
  }
}
