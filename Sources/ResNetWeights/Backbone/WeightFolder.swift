import FileIO

/// The names of weight files in the folders of the Hugging Face hub, the best one first.
private let namesInFolders = [
  "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
]

/// The weight file at `path`: itself, or the one in that folder, as the Hugging Face hub has them.
///
/// - Throws: a ``FileError`` for a folder without one.
package func weightFile(at path: String) throws(FileError) -> String {
  guard isFolder(path) == true else { return path }
  let files = namesInFolders.map { "\(path)/\($0)" }
  if let file = files.first(where: { isFolder($0) == false }) { return file }
  if isFolder("\(path)/saved_model.pb") == false {
    throw FileError(
      .unsupported, path,
      "is a SavedModel of TensorFlow; load it in Keras and save it with model.save(\"model.keras\")"
    )
  }
  throw FileError(
    .unreadable, path,
    "is a folder without \(namesInFolders.joined(separator: ", ")); name the weight file in it")
}
