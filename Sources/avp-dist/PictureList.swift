import Foundation
import ImageData
import Training

/// The pictures that a command line names: files as they are, folders with all pictures in them.
struct PictureList {
  /// The names to show, as given or below the folders given.
  let names: [String]
  /// What the extractor is asked for; paths are relative to ``root``.
  let requests: [FeatureRequest]

  /// The folder that the requests' paths are relative to.
  static let root = "/"

  /// Lists the pictures of `operands` in the order given; those of a folder sorted by bytes.
  init(_ operands: [String]) throws {
    guard !operands.isEmpty else { throw UsageError("Name at least one picture or folder.") }
    names = try operands.flatMap(Self.pictures(at:))
    requests = try names.enumerated().map { index, name in
      let path = absolutePath(name)
      var facts = stat()
      guard stat(path, &facts) == 0 else {
        throw Failure(status: .missingInput, description: "There is no file \(name).")
      }
      let sample = Sample(path: String(path.dropFirst()), label: 0, bytes: Int(facts.st_size))
      return FeatureRequest(sample: sample, index: index, view: nil)
    }
  }

  private static func pictures(at operand: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: operand, isDirectory: &isFolder) else {
      throw Failure(status: .missingInput, description: "There is no file or folder \(operand).")
    }
    guard isFolder.boolValue else { return [operand] }
    let inside = FileManager.default.enumerator(atPath: operand)?.compactMap { $0 as? String } ?? []
    let pictures = inside.filter { name in
      let visible = !name.split(separator: "/").contains { $0.hasPrefix(".") }
      return visible && ClassFolders.isPicture(name)
    }
    guard !pictures.isEmpty else {
      throw Failure(
        status: .missingInput, description: "The folder \(operand) holds no JPEG or PNG pictures.")
    }
    let prefix = operand.hasSuffix("/") ? operand : operand + "/"
    return pictures.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { prefix + $0 }
  }
}

/// `path` from the root on, and otherwise as it is: what stands before a `..` may be a link, so that
/// only the system knows where that leads.
func absolutePath(_ path: String) -> String {
  path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
}
