import Foundation

/// A folder that is removed with its owner.
final class TemporaryFolder {
  let path: String

  /// An empty folder with `files` in it, each a relative path and its size.
  init(_ files: [String: Int] = [:]) throws {
    path = NSTemporaryDirectory() + "/avp-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (file, size) in files { try add(file, Array(repeating: 7, count: size)) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func add(_ file: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: path + "/" + file)
    try addFolder(url.deletingLastPathComponent().path, absolute: true)
    try Data(bytes).write(to: url)
  }

  func addFolder(_ folder: String, absolute: Bool = false) throws {
    try FileManager.default.createDirectory(
      atPath: absolute ? folder : path + "/" + folder, withIntermediateDirectories: true)
  }

  /// Makes `link` point to `target`, which is taken as it is written.
  func addLink(_ link: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: path + "/" + link, withDestinationPath: target)
  }

  /// A small valid set of two classes.
  static func imageSet() throws -> TemporaryFolder {
    try TemporaryFolder([
      "train/a/1.jpg": 10, "train/a/2.png": 20, "train/b/1.jpeg": 30, "validation/a/3.jpg": 40,
      "validation/b/4.jpg": 50,
    ])
  }

  func remove(_ file: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + file)
  }
}
