import FileIO
import Foundation
import Launching
import Reports
import Training

/// The folder of one run: where it is, and what is in it already.
struct RunFolder {
  let path: String
  /// Its files. They may be a stranger's work, so none is reached through a link.
  let files: GuardedFolder
  private var lock: FileLock?

  /// The folder `path`, which need not be there.
  init(path: String) {
    self.path = path
    files = GuardedFolder(path: path)
  }

  static let metricsName = "metrics.jsonl"
  static let configurationName = "config.json"
  /// The largest file of metrics that is read, 1 GiB: that of millions of epochs.
  static let metricsLimit = 1 << 30

  var checkpoints: String { path + "/checkpoints" }
  var metrics: String { "\(path)/\(Self.metricsName)" }
  var configuration: String { "\(path)/\(Self.configurationName)" }
  private var model: String { RunFiles.model(in: path) }

  /// The name of the run's best model; of a sweep that is its only one.
  var bestModelName: String { isSweep ? RunFiles.modelName : RunFiles.bestName }

  /// Whether a sweep has ended here.
  var isSweep: Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(SweepReport.tableName)")
  }

  /// Whether a run has been here.
  var isUsed: Bool {
    [checkpoints, metrics, model].contains { FileManager.default.fileExists(atPath: $0) }
  }

  /// The folder that a run shall use: the named one, or the next free `runs/NNN`; to go on from the
  /// newest checkpoint without a name, the newest of those in which a run has been.
  static func choose(output: String?, start: RunStart) throws -> RunFolder {
    if let output {
      let folder = RunFolder(path: output)
      try folder.requireRoom(for: start)
      return folder
    }
    return try numbered(start)
  }

  /// One of `runs/NNN`; a new one is made here and now: of several runs that start at the same time
  /// each gets its own.
  private static func numbered(_ start: RunStart) throws -> RunFolder {
    func folder(_ number: Int) -> RunFolder {
      RunFolder(path: "runs/" + String(format: "%03d", number))
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    let numbers = names.compactMap { Int($0) }.filter { (1..<Int.max).contains($0) }.sorted()
    if start == .newest, let number = numbers.last(where: { folder($0).isUsed }) {
      return folder(number)
    }
    try RunFolder(path: "runs").create()
    var number = numbers.last ?? 0
    repeat { number += 1 } while mkdir(folder(number).path, 0o777) != 0 && errno == EEXIST
    // Where it could not be made for another reason, this says why.
    try folder(number).create()
    return folder(number)
  }

  /// Refuses a folder that holds another run. One that goes on from a file of its own is the same,
  /// and one that has died before its first checkpoint has left nothing to lose.
  private func requireRoom(for start: RunStart) throws {
    switch start {
    case .newest: return
    case .afresh: guard isUsed else { return }
    case .file(let file): guard holdsResults, !holds(checkpoint: file) else { return }
    }
    throw Failure(
      status: .cannotCreate,
      description: """
        \(path) holds a run already. `--resume auto` goes on with it; another --output, or none, \
        starts a new one.
        """)
  }

  private var holdsResults: Bool {
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: checkpoints)) ?? []
    return names.contains { !$0.hasPrefix(".") } || files.fileExists(atPath: model)
  }

  private func holds(checkpoint file: String) -> Bool {
    let folder = URL(fileURLWithPath: absolutePath(file)).deletingLastPathComponent()
    return folder.resolvingSymlinksInPath()
      == URL(fileURLWithPath: absolutePath(checkpoints), isDirectory: true)
      .resolvingSymlinksInPath()
  }

  /// Makes the folder.
  func create() throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(
        status: .cannotCreate,
        description: "The run's folder \(path) cannot be made: \(reason(of: error))")
    }
  }

  /// Removes the folder if nothing is in it, and then the one that it was in.
  func removeIfEmpty() {
    if rmdir(path) == 0 { rmdir(URL(fileURLWithPath: path).deletingLastPathComponent().path) }
  }

  /// Keeps other runs out of the folder, which is there, for as long as this value or a copy of it
  /// lives.
  ///
  /// - Parameters:
  ///   - timeout: how long to wait for the end of another run. A run that goes on may follow one
  ///     whose host has vanished, and a file server keeps the lock of such a host for a minute and
  ///     a half.
  ///   - whileWaiting: called several times a second meanwhile.
  mutating func acquireLock(
    from start: RunStart, timeout: Duration, whileWaiting: () throws -> Void
  ) throws {
    lock = try Self.lock(files, timeout: timeout, whileWaiting: whileWaiting)
    // Another run may have come and gone since the folder was chosen.
    try requireRoom(for: start)
    // What is written last is looked at first.
    for name in [RunFiles.modelName, RunFiles.bestName, Self.metricsName] { try files.check(name) }
    try files.check("checkpoints", isFolder: true)
  }

  /// Waits for a run that is about to end, as one whose launcher starts it again, and keeps a second
  /// one out: both would write the same checkpoints, and remove each other's. Where a file system
  /// knows no locks there is none.
  private static func lock(
    _ files: GuardedFolder, timeout: Duration, whileWaiting: () throws -> Void
  ) throws -> FileLock? {
    let lock: FileLock
    do throws(FileError) {
      lock = try FileLock(".lock", in: files)
    } catch {
      guard error.kind == .unreadable else { return nil }
      throw Failure(
        status: .cannotCreate,
        description: "\(error), so whether a run is at work cannot be seen. Remove it if none is.")
    }
    var isAnnounced = false
    let attempt = try lock.wait(timeout) { waited in
      if !isAnnounced, waited > .seconds(2) {
        isAnnounced = true
        printError(
          "another run is at work in \(files.path), or its host has vanished: waiting up to "
            + "\(timeout.components.seconds) s")
      }
      try whileWaiting()
    }
    if attempt != .busy { return lock }
    throw Failure(
      status: .unavailable,
      description: """
        Another run is at work in \(files.path). Wait for its end, or end it (on its host `fuser \
        \(files.path)/.lock` tells which process it is), or give another --output.
        """)
  }
}
