import FileIO
import Foundation

/// The checkpoints of one run on disk. A file is written whole or not at all, and nothing is
/// removed before what replaces it is safely there. Neither the folder nor a file in it is reached
/// through a link.
package struct CheckpointFolder: Sendable {
  /// The folder.
  package let path: String
  /// How many of the newest checkpoints stay, at least 1, besides that of the best epoch; nil for
  /// all.
  package let keep: Int?
  /// Called behind every change of a file: tests let a run die there.
  var afterChange: @Sendable () throws -> Void = {}

  let files: GuardedFolder

  /// The folder `path`, which need not exist yet.
  package init(path: String, keep: Int? = nil) {
    self.path = path
    self.keep = keep
    files = GuardedFolder(inParent: path)
  }

  /// `epoch-0003.safetensors` at the end of an epoch, `step-00000042.safetensors` inside one.
  package static func name(epoch: Int, step: Int, stepsPerEpoch: Int) -> String {
    step == 0
      ? "epoch-\(padded(epoch, digits: 4)).safetensors"
      : "step-\(padded(epoch * stepsPerEpoch + step, digits: 8)).safetensors"
  }

  /// Writes a checkpoint, then removes those that are not to be retained.
  ///
  /// - Returns: the file's path.
  @discardableResult
  package func write(_ checkpoint: Checkpoint, stepsPerEpoch: Int) throws -> String {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw FileError(
        .cannotCreate, path, "the folder cannot be made: \(reason(of: error))")
    }
    let progress = checkpoint.progress
    let name = Self.name(epoch: progress.epoch, step: progress.step, stepsPerEpoch: stepsPerEpoch)
    try files.write(checkpoint.encoded(), to: name)
    try afterChange()
    try prune(after: checkpoint, in: name)
    return "\(path)/\(name)"
  }

  private typealias Found = (checkpoint: Checkpoint, path: String)

  /// The newest checkpoint that is whole, and the files that had to be passed over.
  ///
  /// - Parameter record: the run that wants to go on. A checkpoint with just its settings is
  ///   preferred to a newer one with others, which a run with `--resume-override` has left behind.
  /// - Throws: ``CheckpointError/unreadable(_:_:)`` where the folder or a file is there and cannot
  ///   be read, so that nobody starts from the beginning because of a permission or a disk.
  package func newest(
    like record: ModelRecord? = nil
  ) throws(CheckpointError) -> (found: (checkpoint: Checkpoint, path: String)?, damaged: [String]) {
    var same: [Found] = []
    var others: [Found] = []
    var damaged: [String] = []
    for name in try names().reversed() {
      let file = "\(path)/\(name)"
      let isOfKind: (Found) -> Bool = { Self.kind($0.path) == Self.kind(file) }
      // Names sort by kind first, so files of both kinds are read until one of each serves.
      if same.contains(where: isOfKind) { continue }
      do throws(CheckpointError) {
        let checkpoint = try Checkpoint(name, in: files)
        if record?.differences(from: checkpoint.record).isEmpty ?? true {
          same.append((checkpoint, file))
        } else if !others.contains(where: isOfKind) {
          others.append((checkpoint, file))
        }
      } catch {
        switch error {
        case .unreadable: throw error
        case .missing: continue
        case .damaged, .foreign, .modelOnly: damaged.append(file)
        }
      }
    }
    let newest = (same.isEmpty ? others : same).max {
      $0.checkpoint.progress.position < $1.checkpoint.progress.position
    }
    return (newest, damaged)
  }

  /// Removes what writes that were cut short by the death of their process have left in `folder`.
  package static func removeLeftovers(in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(".") && name.hasSuffix(".tmp") {
      let numbers = name.split(separator: ".").dropLast().suffix(2)
      guard numbers.count == 2, numbers.allSatisfy({ Int($0) != nil }) else { continue }
      GuardedFolder(inParent: folder).remove(name)
    }
  }

  /// The names of the checkpoints, oldest first within each kind; none where the folder is not
  /// there.
  private func names() throws(CheckpointError) -> [String] {
    let all: [String]
    do {
      all = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      guard (error as? CocoaError)?.code == .fileReadNoSuchFile else {
        throw .unreadable(path, reason(of: error))
      }
      return []
    }
    return all.filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }
      .sorted { ($0.count, $0) < ($1.count, $1) }
  }

  /// Removes all but the newest checkpoints, that of the best epoch and `written` itself, once that
  /// is known to be whole on disk. Files that are damaged or of other settings do not count and are
  /// left alone.
  private func prune(after written: Checkpoint, in newName: String) throws {
    guard let keep else { return }
    let good = ((try? names()) ?? []).compactMap {
      name -> (name: String, progress: Checkpoint.Progress)? in
      guard let found = try? Checkpoint(name, in: files),
        written.record.differences(from: found.record).isEmpty
      else { return nil }
      return (name, found.progress)
    }
    guard good.contains(where: { $0.name == newName && $0.progress == written.progress }) else {
      return
    }
    let best = written.record.configuration.best(of: written.progress.history)?.epoch
    for (name, progress) in good.sorted(by: { $0.progress.position > $1.progress.position })
      .dropFirst(max(1, keep))
    where name != newName && (progress.step > 0 || progress.epoch != best) {
      files.remove(name)
      try afterChange()
    }
  }

  private static func kind(_ path: String) -> Substring? {
    path.split(separator: "/").last?.split(separator: "-").first
  }
}

extension Checkpoint.Progress {
  /// What orders checkpoints by age.
  fileprivate var position: (epoch: Int, step: Int) { (epoch, step) }
}
