import Foundation
import Reports
import Training
import WeightFiles

/// The folder of one run: where it is, and what is in it already.
struct RunFolder {
  let path: String
  private var lock: FolderLock?

  /// The folder `path`, which need not be there.
  init(path: String) { self.path = path }

  var checkpoints: String { path + "/checkpoints" }
  var metrics: String { path + "/metrics.jsonl" }
  var configuration: String { path + "/config.json" }
  private var model: String { path + "/model.safetensors" }

  /// Whether a run has been here.
  var isUsed: Bool {
    [checkpoints, metrics, model].contains { FileManager.default.fileExists(atPath: $0) }
  }

  /// The folder that a run shall use: the named one, or the next free `runs/NNN`; to resume `auto`
  /// without a name, the newest of those.
  static func choose(output: String?, resuming: Bool) throws -> RunFolder {
    if let output {
      let folder = RunFolder(path: output)
      if !resuming { try folder.requireUnused() }
      return folder
    }
    return try numbered(resuming: resuming)
  }

  /// The newest `runs/NNN` for a run that goes on, else the next one, made here and now: of several
  /// runs that start at the same time each gets its own.
  private static func numbered(resuming: Bool) throws -> RunFolder {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    var number = names.compactMap { Int($0) }.filter { (1..<Int.max).contains($0) }.max() ?? 0
    var folder: RunFolder { RunFolder(path: "runs/" + String(format: "%03d", number)) }
    if resuming && number > 0 { return folder }
    try RunFolder(path: "runs").create()
    repeat { number += 1 } while mkdir(folder.path, 0o777) != 0 && errno == EEXIST
    // Where it could not be made for another reason, this says why.
    try folder.create()
    return folder
  }

  /// Refuses a folder in which a run has been.
  private func requireUnused() throws {
    guard isUsed else { return }
    throw Failure(
      status: .cannotCreate,
      description: """
        \(path) holds a run already. `--resume auto` goes on with it; another --output, or none, \
        starts a new one.
        """)
  }

  /// Makes the folder.
  func create() throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(
        status: .cannotCreate,
        description: "The run's folder \(path) cannot be made: \(error.localizedDescription)")
    }
  }

  /// Keeps other runs out of the folder, which is there, for as long as this value or a copy of it
  /// lives.
  ///
  /// - Parameters:
  ///   - patience: how long to wait for the end of another run. A run that goes on may follow one
  ///     whose host has vanished, and a file server keeps the lock of such a host for a minute and
  ///     a half.
  ///   - whileWaiting: called several times a second meanwhile.
  mutating func keepOthersOut(
    resuming: Bool, patience: Duration, whileWaiting: () throws -> Void
  ) throws {
    lock = try FolderLock(folder: path, patience: patience, whileWaiting: whileWaiting)
    // Another run may have come and gone since the folder was chosen.
    if !resuming { try requireUnused() }
  }
}

/// Keeps a second run out of a folder: both would write the same checkpoints, and remove each
/// other's.
///
/// The system forgets the lock with the process, however that ends. Where a file system knows no
/// locks there is none.
private final class FolderLock {
  private var descriptor: Int32

  /// Waits for a run that is about to end, as one whose launcher starts it again.
  init(folder: String, patience: Duration, whileWaiting: () throws -> Void) throws {
    let path = folder + "/.lock"
    // For reading, so that the file system may still become read-only.
    descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o666)
    let begin = ContinuousClock.now
    var isForWriting = false
    var isAnnounced = false
    while ContinuousClock.now - begin < patience {
      guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
      if errno == EBADF && !isForWriting {
        // NFS locks only what is open for writing.
        isForWriting = true
        close(descriptor)
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        continue
      }
      guard errno == EWOULDBLOCK else { return }
      if !isAnnounced, ContinuousClock.now - begin > .seconds(2) {
        isAnnounced = true
        printError(
          "another run is at work in \(folder), or its host has vanished: waiting up to "
            + "\(patience.components.seconds) s")
      }
      usleep(100_000)
      try whileWaiting()
    }
    throw Failure(
      status: .unavailable,
      description: """
        Another run is at work in \(folder). Wait for its end, or end it (on its host `fuser \
        \(folder)/.lock` tells which process it is), or give another --output.
        """)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}

/// Rank 0's observer: shows progress, appends to `metrics.jsonl` and writes checkpoints.
final class RunRecorder: TrainingObserver {
  private let metrics: String
  private(set) var files: RunFiles
  private var reporter: ProgressReporter

  init(metrics: String, files: RunFiles, reporter: ProgressReporter) {
    self.metrics = metrics
    self.files = files
    self.reporter = reporter
  }

  /// Ends what is shown of a run that stops before its end.
  func close() { reporter.close() }

  func note(_ event: TrainingEvent) {
    reporter.show(event)
    if case .step = event { return }
    do {
      if let line = MetricsLine.json(event) { try append(line + "\n") }
    } catch {
      reporter.show(.warning("\(metrics) cannot be written: \(error.localizedDescription)"))
    }
  }

  func keep(_ state: TrainingState, isFinalAttempt: Bool) throws {
    do {
      let path = try files.keep(state)
      note(.checkpoint(path: path, epoch: state.epoch, step: state.step))
    } catch {
      guard !isFinalAttempt else { throw error }
      note(.warning("no checkpoint could be written, the run goes on: \(error)"))
    }
  }

  /// Writes the model at the end of the run.
  func finish(_ state: TrainingState) throws { try files.finish(state) }

  /// Drops the lines of `metrics.jsonl` about epochs that are going to be run again.
  func forget(epochsAfter epoch: Int) throws {
    guard let data = FileManager.default.contents(atPath: metrics) else { return }
    // A line that was torn, also inside a character, is no object any more, and goes.
    let kept = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let object, object["event"] as? String == "epoch" else { return object != nil }
      return (object["epoch"] as? Int ?? 0) <= epoch
    }
    try writeAtomically(Array(kept.map { $0 + "\n" }.joined().utf8), to: metrics)
  }

  private func append(_ text: String) throws {
    if !FileManager.default.fileExists(atPath: metrics) {
      try Data().write(to: URL(fileURLWithPath: metrics))
    }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: metrics))
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(text.utf8))
  }
}
