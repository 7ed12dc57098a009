import Foundation
import WeightFiles

/// The checkpoints of one run on disk. A file is written whole or not at all, and nothing is removed
/// before what replaces it is safely there.
public struct CheckpointFolder: Sendable {
  /// The folder.
  public let path: String
  /// How many of the newest checkpoints stay, at least 1; nil for all.
  public let keep: Int?

  /// The folder `path`, which need not exist yet.
  public init(path: String, keep: Int? = nil) {
    self.path = path
    self.keep = keep
  }

  /// `epoch-0003.safetensors` at the end of an epoch, `step-00000042.safetensors` inside one.
  public static func name(epoch: Int, step: Int, stepsPerEpoch: Int) -> String {
    step == 0
      ? "epoch-\(padded(epoch, 4)).safetensors"
      : "step-\(padded(epoch * stepsPerEpoch + step, 8)).safetensors"
  }

  /// Writes a checkpoint, then removes those that are not kept any more.
  ///
  /// - Returns: the file's path.
  @discardableResult
  public func write(_ checkpoint: Checkpoint, stepsPerEpoch: Int) throws -> String {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw WeightFileError(
        .cannotCreate, path, "the folder cannot be made: \(error.localizedDescription)")
    }
    let progress = checkpoint.progress
    let name = Self.name(epoch: progress.epoch, step: progress.step, stepsPerEpoch: stepsPerEpoch)
    try writeAtomically(checkpoint.encoded(), to: "\(path)/\(name)")
    prune()
    return "\(path)/\(name)"
  }

  /// The newest checkpoint that is whole, and the files that had to be passed over.
  public func newest() -> (found: (checkpoint: Checkpoint, path: String)?, damaged: [String]) {
    var candidates: [(checkpoint: Checkpoint, path: String)] = []
    var damaged: [String] = []
    for name in names().reversed() {
      let file = "\(path)/\(name)"
      // Names sort by kind first, so files of both kinds are read until one of each is whole.
      if candidates.contains(where: { Self.kind($0.path) == Self.kind(file) }) { continue }
      do throws(CheckpointError) {
        candidates.append((try Checkpoint(path: file), file))
      } catch {
        damaged.append(file)
      }
    }
    let newest = candidates.max {
      ($0.checkpoint.progress.epoch, $0.checkpoint.progress.step)
        < ($1.checkpoint.progress.epoch, $1.checkpoint.progress.step)
    }
    return (newest, damaged)
  }

  /// The names of the checkpoints, oldest first within each kind.
  private func names() -> [String] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return all.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }.sorted()
  }

  private func prune() {
    guard let keep else { return }
    let files = names().map { "\(path)/\($0)" }
    let byAge = files.compactMap { file -> (file: String, place: (Int, Int))? in
      guard let progress = try? Checkpoint(path: file).progress else { return nil }
      return (file, (progress.epoch, progress.step))
    }.sorted { $0.place > $1.place }
    for (file, _) in byAge.dropFirst(max(1, keep)) {
      try? FileManager.default.removeItem(atPath: file)
    }
  }

  private static func kind(_ path: String) -> Substring? {
    path.split(separator: "/").last?.split(separator: "-").first
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
