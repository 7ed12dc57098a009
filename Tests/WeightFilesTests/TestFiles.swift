import FileIO
import Foundation

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// A folder that is removed when the test is over.
final class TemporaryFolder {
  let path: String

  init() {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "weight-files-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes `bytes` to `name` and gives its path.
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  /// The names of everything in the folder.
  var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }
}

/// The bytes of a safetensors file with this header text and data.
func safeTensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.append(littleEndian: [UInt64(header.utf8.count)])
  return bytes + Array(header.utf8) + data
}

/// The error that `body` throws, or nil.
func failure<Result>(_ body: () throws -> Result) -> FileError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? FileError
  }
}
