import FileIO
import Foundation
import ImageCodecs

/// Why a generated image set could not be written.
package struct ImageSetError: Error, Equatable, CustomStringConvertible {
  /// The whole message: what happened, where, and what to do.
  package let description: String
}

/// Draws an image set as JPEG files `root/train/<class>/0000.jpg`,
/// `root/validation/<class>/0000.jpg` and so on.
///
/// The bytes of every file depend on its class, its number, `seed` and on nothing else: a larger
/// set starts with the images of a smaller one, and no validation image is a training image.
/// - Parameters:
///   - root: The folder to write; it must be empty or not exist yet.
///   - set: Which classes.
///   - trainPerClass: Training images of each class, at least 0.
///   - validationPerClass: Validation images of each class, at least 0.
///   - seed: Another seed gives other images.
/// - Throws: `ImageSetError` when a number is negative, the folder has contents, or cannot be
///   written. What was written until then stays.
package func writeImageSet(
  to root: String, set: DemoSet, trainPerClass: Int, validationPerClass: Int, seed: UInt64
) throws(ImageSetError) {
  guard trainPerClass >= 0, validationPerClass >= 0 else {
    throw ImageSetError(
      description: "An image set cannot have \(min(trainPerClass, validationPerClass)) images.")
  }
  try requireEmpty(root)
  for kind in set.kinds {
    try writeImages(
      of: kind, to: "\(root)/train/\(kind.className)", numbers: 0..<trainPerClass, seed: seed)
    // Far from any training number, so that the two never meet.
    let first = 1 << 32
    try writeImages(
      of: kind, to: "\(root)/validation/\(kind.className)",
      numbers: first..<first + validationPerClass, seed: seed)
  }
}

/// Refuses a folder that has anything in it, hidden files too, or a file of that name.
private func requireEmpty(_ root: String) throws(ImageSetError) {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else { return }
  guard isFolder.boolValue else {
    throw ImageSetError(description: "\(root) is a file; name a folder for the images.")
  }
  let contents = try attempt("read \(root)") {
    try FileManager.default.contentsOfDirectory(atPath: root)
  }
  guard contents.isEmpty else {
    throw ImageSetError(
      description: "\(root) is not empty; name another folder, or remove this one first.")
  }
}

/// Writes the images of one class; the first of `numbers` becomes 0000.jpg.
private func writeImages(
  of kind: FigureKind, to folder: String, numbers: Range<Int>, seed: UInt64
)
  throws(ImageSetError)
{
  try attempt("make the folder \(folder)") {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
  }
  for (index, number) in numbers.enumerated() {
    let name = padded(index, digits: 4)
    try attempt("write \(folder)/\(name).jpg") {
      let image = drawImage(kind: kind, seed: seed, index: number)
      let bytes = try encodeJPEG(image.image, quality: image.quality)
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name).jpg"))
    }
  }
}

/// Runs `body` and says of any failure what was tried and why it did not work.
private func attempt<Result>(_ what: String, _ body: () throws -> Result) throws(ImageSetError)
  -> Result
{
  do {
    return try body()
  } catch {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let reason = cause?.localizedDescription ?? "\(error)"
    throw ImageSetError(description: "Could not \(what): \(reason)")
  }
}
