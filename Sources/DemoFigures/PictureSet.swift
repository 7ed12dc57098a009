import FileIO
import Foundation
import ImageCodecs

/// Why a generated picture set could not be written.
package struct PictureSetError: Error, Equatable, CustomStringConvertible {
  /// The whole message: what happened, where, and what to do.
  package let description: String
}

/// Draws a picture set as JPEG files `root/train/<class>/0000.jpg`,
/// `root/validation/<class>/0000.jpg` and so on.
///
/// The bytes of every file depend on its class, its number, `seed` and on nothing else: a larger
/// set starts with the pictures of a smaller one, and no validation picture is a training picture.
/// - Parameters:
///   - root: The folder to write; it must be empty or not exist yet.
///   - set: Which classes.
///   - trainPerClass: Training pictures of each class, at least 0.
///   - validationPerClass: Validation pictures of each class, at least 0.
///   - seed: Another seed gives other pictures.
/// - Throws: `PictureSetError` when a number is negative, the folder has contents, or cannot be
///   written. What was written until then stays.
package func writePictureSet(
  to root: String, set: DemoSet, trainPerClass: Int, validationPerClass: Int, seed: UInt64
) throws(PictureSetError) {
  guard trainPerClass >= 0, validationPerClass >= 0 else {
    throw PictureSetError(
      description: "A picture set cannot have \(min(trainPerClass, validationPerClass)) pictures.")
  }
  try requireEmpty(root)
  for kind in set.kinds {
    try writePictures(
      of: kind, to: "\(root)/train/\(kind.className)", numbers: 0..<trainPerClass, seed: seed)
    // Far from any training number, so that the two never meet.
    let first = 1 << 32
    try writePictures(
      of: kind, to: "\(root)/validation/\(kind.className)",
      numbers: first..<first + validationPerClass, seed: seed)
  }
}

/// Refuses a folder that has anything in it, hidden files too, or a file of that name.
private func requireEmpty(_ root: String) throws(PictureSetError) {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder) else { return }
  guard isFolder.boolValue else {
    throw PictureSetError(description: "\(root) is a file; name a folder for the pictures.")
  }
  let contents = try attempt("read \(root)") {
    try FileManager.default.contentsOfDirectory(atPath: root)
  }
  guard contents.isEmpty else {
    throw PictureSetError(
      description: "\(root) is not empty; name another folder, or remove this one first.")
  }
}

/// Writes the pictures of one class; the first of `numbers` becomes 0000.jpg.
private func writePictures(
  of kind: FigureKind, to folder: String, numbers: Range<Int>, seed: UInt64
)
  throws(PictureSetError)
{
  try attempt("make the folder \(folder)") {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
  }
  for (index, number) in numbers.enumerated() {
    let name = padded(index, digits: 4)
    try attempt("write \(folder)/\(name).jpg") {
      let picture = drawPicture(kind: kind, seed: seed, index: number)
      let bytes = try encodeJPEG(picture.image, quality: picture.quality)
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name).jpg"))
    }
  }
}

/// Runs `body` and says of any failure what was tried and why it did not work.
private func attempt<Result>(_ what: String, _ body: () throws -> Result) throws(PictureSetError)
  -> Result
{
  do {
    return try body()
  } catch {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let reason = cause?.localizedDescription ?? "\(error)"
    throw PictureSetError(description: "Could not \(what): \(reason)")
  }
}
