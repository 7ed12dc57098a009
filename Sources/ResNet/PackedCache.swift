import FileIO
internal import Foundation
import Kernels

/// A folder that keeps packed weights between runs, and shares them between the processes of a
/// host.
///
/// Anybody can compute a checksum, so what counts is who may write: a folder in which others than
/// this user and root may is not used, and such a file in it is packed anew.
package struct PackedCache: Hashable, Sendable {
  /// The folder; it is made when it is needed.
  package let folder: String
  /// The SHA-256 of the weights, in hexadecimal digits: the same weights have the same packed form.
  package let fingerprint: String
  /// How long to wait for another process that packs the same weights: longer than packing takes.
  package let timeout: Duration

  /// Names the folder and the weights.
  package init(folder: String, fingerprint: String, timeout: Duration = .seconds(60)) {
    self.folder = folder
    self.fingerprint = fingerprint
    self.timeout = timeout
  }

  /// The cache cannot be used, and why, as a sentence for a person.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The file of `content`, from the cache, or else packed and put there.
  ///
  /// Processes that ask at the same time wait for the one that packs, and then share its work.
  ///
  /// - Parameter variant: everything besides the weights that the packed form depends on; a part of
  ///   the file's name.
  /// - Throws: a ``Failure`` if the cache cannot be used, and what packing throws.
  func mapping(_ variant: String, _ content: PackedContent) throws -> FileMapping {
    let name = "\(fingerprint.prefix(32))-\(variant)\(Self.nameEnd)"
    let path = "\(folder)/\(name)"
    let files = GuardedFolder(path: folder, trust: .ownerOnly)
    func find() -> FileMapping? {
      // Whatever is wrong with a file, it is made again.
      guard let file = try? files.openFile(name) else { return nil }
      return PackedFile.map(content, in: file, path)
    }
    if let found = find() { return found }
    // What reading the weights throws is no matter of the cache.
    var failure: (any Error)?
    let guarded = PackedContent(description: content.description, byteCount: content.byteCount) {
      do {
        try content.pack($0)
      } catch {
        failure = error
        throw error
      }
    }
    do {
      try files.create()
      return try withFileLock(name + ".lock", in: files, timeout: timeout) {
        if let found = find() { return found }
        removeLeftovers(of: name, in: files)
        try files.replace(name, through: Self.temporary(name)) { file in
          try PackedFile.write(guarded, to: file, path)
        }
        guard let made = find() else {
          throw Failure(description: "\(path): the file was written but cannot be read back")
        }
        return made
      }
    } catch let error as FileError where failure == nil {
      throw Failure(description: error.description)
    }
  }
}

extension PackedCache {
  private static var nameEnd: String { "-v\(PackedFile.version).packed" }

  /// Makes room for the file `name`; only while its lock is held.
  private func removeLeftovers(of name: String, in files: GuardedFolder) {
    for other in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where Self.isLeftover(other, of: name) {
      files.remove(other)
    }
  }

  /// The name of the file that this process makes before it becomes `name`: no other process on any
  /// host that shares the folder has the same.
  private static func temporary(_ name: String) -> String { "\(name).\(hostName)-\(getpid()).tmp" }

  /// Whether a file may be removed while this process alone, on its host, makes the file `own` of
  /// the same folder: what a killed process of this host left of it, or a file of an older version.
  private static func isLeftover(_ name: String, of own: String) -> Bool {
    let ours = "\(own).\(hostName)-"
    if name.hasPrefix(ours), name.hasSuffix(".tmp"), name.count > ours.count + 4 {
      // A process number alone: another host's name may begin with this one's and a dash.
      return name.dropFirst(ours.count).dropLast(4).allSatisfy { "0"..."9" ~= $0 }
    }
    guard let match = name.firstMatch(of: /-v([0-9]+)\.packed/), let number = Int(match.1) else {
      return false
    }
    return number < PackedFile.version
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "host" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      .replacing("/", with: "-")
  }
}
