import FileIO
import Tensors

/// Several safetensors files that `model.safetensors.index.json` joins to one model.
///
/// The index maps the name of every tensor to the file in the same folder that holds it.
package struct SafeTensorsIndex: TensorSource {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  private let files: [String: SafeTensorsFile]
  private let fileOfTensor: [String: String]

  /// The longest index that is read.
  package static let lengthLimit = 16 << 20

  package init(_ source: ByteSource) throws(FileError) {
    guard source.count <= Self.lengthLimit else {
      throw FileError(.unsupported, source.path, "is too long for an index of weight files")
    }
    path = source.path
    fileOfTensor = try Self.readMap(
      try source.bytes(at: 0, count: source.count), path: source.path)
    guard !fileOfTensor.isEmpty else {
      throw FileError(.unsupported, path, "is JSON, but not an index of weight files")
    }
    names = sortedByBytes(fileOfTensor.keys)
    files = try Self.open(Set(fileOfTensor.values), beside: path)
    metadata = try Self.joinedMetadata(files, path: path)
    for name in names where shape(of: name) == nil { throw .missingTensor(name, in: path) }
    for (key, file) in files {
      for name in file.names where fileOfTensor[name] != key {
        let location = fileOfTensor[name].map { "which the index says is in \(quoted($0))" }
        throw FileError(
          .entryUnexpected, path,
          "the file \(quoted(key)) holds the tensor \(quoted(name)), "
            + (location ?? "which is not in the index"),
          entry: name)
      }
    }
  }

  /// What the files say about themselves; those of one model must agree.
  private static func joinedMetadata(
    _ files: [String: SafeTensorsFile], path: String
  ) throws(FileError) -> [String: String] {
    var joined: [String: String] = [:]
    for file in files.values {
      for (key, text) in file.metadata {
        guard joined.updateValue(text, forKey: key) ?? text == text else {
          throw FileError(
            .damaged, path, "its files disagree about the metadata \(quoted(key))")
        }
      }
    }
    return joined
  }

  package func shape(of name: String) -> [Int]? {
    fileOfTensor[name].flatMap { files[$0]?.shape(of: name) }
  }

  package func elementType(of name: String) -> ElementType? {
    fileOfTensor[name].flatMap { files[$0]?.elementType(of: name) }
  }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let key = fileOfTensor[name], let file = files[key] else {
      throw .missingTensor(name, in: path)
    }
    return try file.floats(name)
  }

  private static func open(
    _ names: Set<String>, beside path: String
  ) throws(FileError) -> [String: SafeTensorsFile] {
    guard names.count <= 1000 else {
      throw FileError(.unsupported, path, "names \(names.count) files")
    }
    var files: [String: SafeTensorsFile] = [:]
    for name in names.sorted() {
      guard !name.isEmpty, !name.contains("/"), name != "..", !name.utf8.contains(0) else {
        throw FileError(
          .damaged, path, "names the file \(quoted(name)), which is not in the same folder")
      }
      files[name] = try SafeTensorsFile(path: "\(folder(path))/\(name)")
    }
    return files
  }

  private static func readMap(
    _ json: [UInt8], path: String
  ) throws(FileError) -> [String: String] {
    do throws(JSONReader.Failure) {
      var reader = JSONReader(json)
      var map: [String: String] = [:]
      try reader.object { (reader, key) throws(JSONReader.Failure) in
        guard key == "weight_map" else { return try reader.skip() }
        try reader.object { (reader, name) throws(JSONReader.Failure) in
          map[name] = try reader.string()
        }
      }
      try reader.finish()
      return map
    } catch {
      throw FileError(.damaged, path, "is not an index of weight files: \(error)")
    }
  }
}
