import Foundation
import WeightFiles

/// From where a run starts: what `--resume` asks for.
enum RunStart: Equatable {
  /// From the beginning.
  case afresh
  /// From the newest whole checkpoint in the run's folder; from the beginning where there is none.
  case newest
  /// From the checkpoint at a path.
  case file(String)

  init(_ arguments: Arguments) {
    switch arguments.string("--resume") {
    case nil: self = .afresh
    case "auto": self = .newest
    case .some(let path): self = .file(path)
    }
  }
}

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

  /// Keeps other runs out of the folder, which is there, for as long as this value or a copy of it
  /// lives.
  ///
  /// - Parameters:
  ///   - patience: how long to wait for the end of another run. A run that goes on may follow one
  ///     whose host has vanished, and a file server keeps the lock of such a host for a minute and
  ///     a half.
  ///   - whileWaiting: called several times a second meanwhile.
  mutating func keepOthersOut(
    from start: RunStart, patience: Duration, whileWaiting: () throws -> Void
  ) throws {
    lock = try FolderLock(folder: path, patience: patience, whileWaiting: whileWaiting)
    // Another run may have come and gone since the folder was chosen.
    try requireRoom(for: start)
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
