import FileIO
import Foundation
import Launching
import Training

/// What `config.json` in the run's folder says: the settings, and what depends on the machine.
struct RunDescription: Codable {
  let toolVersion: String
  var configuration: TrainingConfiguration
  /// The absolute path of the weight file, or `demo` or `random:SEED`.
  let weights: String
  /// The absolute path of the image set.
  let data: String
  /// The absolute path of the table of images; nil where the set is a folder.
  var manifest: String?
  let worldSize: Int
  let threads: Int
  let hosts: [String]
  let kernels: String
  /// What the ranks send each other; nil for one rank.
  var exchange: Exchange?
}

extension RunDescription {
  /// Reads a run's `config.json`.
  init(_ folder: RunFolder) throws {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try folder.files.read(RunFolder.configurationName, limit: 16 << 20)
    } catch {
      guard error.kind == .missing else { throw error }
      throw Failure(
        status: .missingInput, description: "\(folder.path) is no run: it has no config.json.")
    }
    do {
      self = try JSONDecoder().decode(RunDescription.self, from: Data(bytes))
    } catch {
      throw Failure(
        status: .badData,
        description: "\(folder.configuration) is not what a run writes: \(reason(of: error))")
    }
  }

  /// The settings, and where it ran.
  var facts: [(name: String, value: String)] {
    let hosts = Set(hosts).sorted().joined(separator: ", ")
    return [
      manifest.map { ("manifest", $0) } ?? ("data", data), ("weights", weights),
      ("kernels", kernels),
      (
        "ranks",
        "\(worldSize), \(threads) \(threads == 1 ? "thread" : "threads") each"
          + (exchange.map { ", exchanging \($0.rawValue)" } ?? "")
      ),
      ("hosts", hosts), ("avp-dist", toolVersion),
    ] + TrainingConfiguration.settings.map { ($0.facts.name, $0.written(configuration)) }
  }
}
