internal import CCodecShim

/// Why an image could not be read or written.
///
/// The description is the reason alone, without a path: the caller knows which file it was.
package struct ImageError: Error, Equatable, CustomStringConvertible {
  /// What happened, for a person.
  package let description: String
  /// Whether this host had no memory for the image, which says nothing about the file.
  package let isOutOfMemory: Bool

  init(_ description: String) {
    self.description = description
    isOutOfMemory = false
  }

  private init(outOfMemory description: String) {
    self.description = description
    isOutOfMemory = true
  }

  /// The system has refused memory for `what`.
  static func noMemory(for what: String) -> ImageError {
    ImageError(
      outOfMemory: "this host has no memory for \(what); use fewer threads or processes")
  }

  /// Throws what a function of the shim reports, its reason after `introduction`.
  static func check(
    _ outcome: (status: Int, message: String), _ introduction: String
  ) throws(ImageError) {
    switch outcome.status {
    case AVP_CODEC_DONE: return
    case AVP_CODEC_NO_MEMORY: throw noMemory(for: "it (\(outcome.message))")
    default: throw ImageError(introduction + outcome.message)
    }
  }
}

/// Calls a function of the shim with room for a message, and gives its status and the message.
func shimOutcome(
  _ call: (UnsafeMutablePointer<CChar>?) -> Int32
) -> (status: Int, message: String) {
  var message = [CChar](repeating: 0, count: Int(AVP_CODEC_MESSAGE_SIZE))
  let status = message.withUnsafeMutableBufferPointer { call($0.baseAddress) }
  let reason = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
  return (Int(status), String(decoding: reason, as: UTF8.self))
}
