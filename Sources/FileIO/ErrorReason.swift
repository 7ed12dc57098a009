import Foundation

/// Why something failed, in words for a person: the system's own, such as "No space left on device",
/// which entry of a JSON text is wrong, or what an error of this package says.
package func reason(of error: any Error) -> String {
  if let error = error as? DecodingError { return decodingReason(error) }
  guard error is CocoaError || error is POSIXError || type(of: error) == NSError.self else {
    return "\(error)"
  }
  return errorNumber(error).map(errorText) ?? (error as NSError).localizedDescription
}

/// The system's number of an error, which Foundation keeps below its own.
private func errorNumber(_ error: any Error) -> Int32? {
  if let error = error as? POSIXError { return error.code.rawValue }
  let object = error as NSError
  if object.domain == NSPOSIXErrorDomain { return Int32(object.code) }
  return (object.userInfo[NSUnderlyingErrorKey] as? any Error).flatMap(errorNumber)
}

private func decodingReason(_ error: DecodingError) -> String {
  func name(_ path: [any CodingKey]) -> String {
    path.isEmpty ? "the whole text" : quoted(path.map(\.stringValue).joined(separator: "."))
  }
  return switch error {
  case .keyNotFound(let key, let context): "\(name(context.codingPath + [key])) is missing"
  case .valueNotFound(_, let context): "\(name(context.codingPath)) has no value"
  case .typeMismatch(_, let context): "\(name(context.codingPath)) has a value of another kind"
  case .dataCorrupted(let context) where context.codingPath.isEmpty: "it is no whole JSON text"
  case .dataCorrupted(let context): "\(name(context.codingPath)) has a value that cannot be used"
  @unknown default: "it cannot be read"
  }
}
