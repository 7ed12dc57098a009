import FileIO
import Foundation
import Launching
import Settings

/// Which backbone `--weights` names.
enum BackboneChoice: Equatable, Sendable {
  /// A weight file.
  case file(String)
  /// The small backbone inside the tool, for `demo-data` images.
  case demo
  /// Random weights, for benchmarks.
  case random(seed: UInt64)

  /// The choice of the option, or of the first default folder that has a file.
  ///
  /// - Parameters:
  ///   - choice: the value of `--weights`, nil when it is not given.
  ///   - folder: the folder that `weights/` is looked for in.
  static func resolve(
    _ choice: BackboneChoice?, environment: [String: String], folder: String = "."
  ) throws -> BackboneChoice {
    if let choice { return choice }
    if let word = environment["AVP_WEIGHTS"], !word.isEmpty {
      guard let choice = BackboneChoice(written: word) else {
        throw UsageError("AVP_WEIGHTS is FILE, demo or random[:SEED], not '\(word)'.")
      }
      return choice
    }
    let fetched = cacheFolder(environment).map { $0 + "/weights" }
    for candidate in defaultFolders(environment, in: folder) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: candidate)) ?? []
      if let name = names.filter({ $0.hasPrefix("resnet50") && !$0.hasSuffix(".part") }).sorted()
        .first
      {
        // What lies in this folder, the user knows; what is in a cache nobody looks at.
        if candidate == fetched, let others = GuardedFolder(path: candidate).strangers() {
          throw Failure(
            status: .missingInput,
            description: """
              \(candidate)/\(name) is not taken for the backbone: the folder is not yours alone, \
              \(others). Name the file with --weights.
              """)
        }
        return .file("\(candidate)/\(name)")
      }
    }
    throw Failure(
      status: .missingInput,
      description: """
        There is no backbone. It was looked for in --weights, in $AVP_WEIGHTS, as weights/resnet50* \
        in this folder and in \(fetched ?? "$XDG_CACHE_HOME/avp-dist/weights").
        To fetch the official ImageNet weights:  scripts/fetch-weights resnet50-v1
        To try the tool on its own images:     avp-dist demo-data --output data, then --weights demo
        """)
  }

  /// The folders that weight files are looked for in.
  private static func defaultFolders(
    _ environment: [String: String], in folder: String = "."
  ) -> [String] {
    let local = folder == "." ? "weights" : folder + "/weights"
    return [local] + [cacheFolder(environment)].compactMap { $0.map { $0 + "/weights" } }
  }

  /// Calls `read` with the weight file `file`; where there is none, the error says which there are.
  static func reading<Result>(_ file: String, _ read: (String) throws -> Result) throws -> Result {
    do {
      return try read(file)
    } catch let error as FileError where error.kind == .missing && error.path == file {
      throw Failure(
        status: .missingInput, description: "\(error)\n" + weightsThatAreThere(beside: file))
    }
  }

  private static func weightsThatAreThere(beside file: String) -> String {
    let own = (file as NSString).deletingLastPathComponent
    var folders = [own.isEmpty ? "." : own]
    for folder in defaultFolders(ProcessInfo.processInfo.environment)
    where !folders.contains(folder) {
      folders.append(folder)
    }
    let lines = folders.map { folder in
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
        return "  in \(folder): there is no such folder"
      }
      let weights = names.filter(isWeightFile).sorted()
      let more = weights.count > 8 ? " and \(weights.count - 8) more" : ""
      return "  in \(folder): "
        + (weights.isEmpty ? "none" : weights.prefix(8).joined(separator: ", ") + more)
    }
    return "Weight files that are there:\n" + lines.joined(separator: "\n")
      + "\n`--weights demo` is in the tool; scripts/fetch-weights fetches others."
  }

  /// Whether a name ends as those of weight files do; what they are their content tells.
  private static func isWeightFile(_ name: String) -> Bool {
    [
      ".safetensors", ".pth", ".pt", ".tar", ".bin", ".ckpt", ".h5", ".hdf5", ".keras", ".onnx",
    ].contains { name.lowercased().hasSuffix($0) }
  }

  /// The cache: what the tool can make or fetch again; nil where the user has no such folder,
  /// because what lies where everybody may write cannot be trusted.
  static func cacheFolder(_ environment: [String: String]) -> String? {
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") {
      return folder + "/avp-dist"
    }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.cache/avp-dist"
  }
}
