/// Why a picture could not be read or written.
public struct ImageError: Error, Equatable, CustomStringConvertible {
  /// What happened, for a person.
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
