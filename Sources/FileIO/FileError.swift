/// Why a file could not be read or written, as a sentence for a person.
///
/// `description` names the file, what is wrong with it and, where there is one, the entry.
package struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What went wrong, so that a caller can choose an exit status or try another file.
  package enum Kind: Sendable, Equatable {
    /// There is no such file.
    case missing
    /// The file exists but could not be read: permissions, a folder, a failing disk.
    case unreadable
    /// The bytes break the rules of the file's own format.
    case damaged
    /// The file is sound, but holds something that is not read here.
    case unsupported
    /// An entry that must be there is not.
    case entryMissing
    /// An entry is there that does not belong.
    case entryUnexpected
    /// An entry has another shape, or another type, than it must have.
    case entryMismatch
    /// An entry holds an infinity or a NaN.
    case entryNotFinite
    /// The file to write could not be created: no such folder, no permission, read-only.
    case cannotCreate
    /// Writing began and failed: the disk is full, or it failed.
    case writeFailed
  }

  /// What went wrong.
  package let kind: Kind
  /// The file, or what stands for it (for example "embedded weights").
  package let path: String
  /// The part of the file that is the matter, by its name, if it is one: of a weight file a tensor,
  /// a dataset or a layer.
  package let entry: String?
  /// What is wrong, as a clause without the file's name.
  package let reason: String

  /// Makes an error; `reason` reads as the continuation of "path: ".
  package init(_ kind: Kind, _ path: String, _ reason: String, entry: String? = nil) {
    self.kind = kind
    self.path = path
    self.entry = entry
    self.reason = reason
  }

  /// The whole message: "path: what is wrong".
  package var description: String { "\(path): \(reason)" }
}
