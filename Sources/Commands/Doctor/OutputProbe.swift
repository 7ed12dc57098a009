import Diagnosis
import FileIO
import Foundation
import Training

extension OutputFacts {
  /// Writes a file of a checkpoint's `bytes` where a run with `output` would, to the disk, and removes
  /// it again. The folder itself is not made.
  ///
  /// - Parameters:
  ///   - output: the run's folder; nil for one in `runs`.
  ///   - start: whether a run that is there already is to go on.
  init(probing output: String?, _ start: RunStart, bytes: Int) {
    self.init(folder: Self.existing(absolutePath(output ?? "runs")), bytes: bytes)
    var system = statvfs()
    if statvfs(folder, &system) == 0 {
      free = Int(clamping: UInt64(system.f_bavail) * UInt64(system.f_frsize))
    }
    isUsed = start == .afresh && output.map { RunFolder(path: $0).isUsed } ?? false
    do {
      seconds = try Self.write(bytes, in: folder)
    } catch {
      trouble = Trouble(error)
    }
  }

  /// The folder, or the next one above it that is there.
  private static func existing(_ path: String) -> String {
    var path = path
    while path != "/", !FileManager.default.fileExists(atPath: path) { path = FileIO.folder(path) }
    return path
  }

  private static func write(_ count: Int, in folder: String) throws(FileError) -> Double {
    // Not zeros: some file systems do not write these.
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let begin = ContinuousClock.now
    let file = try TemporaryFile(beside: folder + "/avp-dist-doctor")
    defer { file.discard() }
    try file.append(bytes)
    guard fsync(file.descriptor.number) == 0 else {
      throw FileError(.writeFailed, folder, "flushing failed: \(errorText(errno))")
    }
    return (ContinuousClock.now - begin).inSeconds
  }
}
