/// Why a picture could not be read or written.
///
/// The description is the reason alone, without a path: the caller knows which file it was.
public struct ImageError: Error, Equatable, CustomStringConvertible {
  /// What happened, for a person.
  public let description: String

  init(_ description: String) {
    self.description = description
  }

  /// The reason that C code has left in `message`, a zero-terminated string, after `introduction`.
  init(_ introduction: String, message: [CChar]) {
    let reason = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    description = introduction + String(decoding: reason, as: UTF8.self)
  }
}
