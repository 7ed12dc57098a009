import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// What a folder that a stranger has made can try.
@Suite struct GuardedFolderTests {
  private let scratch = TemporaryFolder()
  private let guarded: GuardedFolder
  /// A file outside of the folder that must stay as it is.
  private let precious: String

  init() throws {
    guarded = GuardedFolder(path: scratch.file("run"))
    try guarded.create()
    precious = try scratch.write(Array("precious".utf8), "precious")
    #expect(chmod(precious, 0o600) == 0)
  }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: guarded.path(name), withDestinationPath: target)
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  /// Everything that can be done with a name, by what it is called here.
  private var deeds: [(String, (String) throws -> Void)] {
    [
      ("read", { _ = try guarded.read($0, limit: 100) }),
      ("lines", { try guarded.forEachLine(of: $0, limit: 100) { _ in } }),
      ("write", { try guarded.write([1], to: $0) }),
      ("append", { try guarded.append([1], to: $0) }),
      ("replace", { try guarded.replace($0, through: "new") { _ in } }),
      ("lock", { _ = try FileLock($0, in: guarded) }),
      ("check", { try guarded.check($0) }),
    ]
  }

  @Test func nothingIsReachedThroughALink() throws {
    try link("there", to: precious)
    try link("nowhere", to: scratch.file("made"))
    for (deed, attempt) in deeds {
      for name in ["there", "nowhere"] {
        let error = failure { try attempt(name) }
        #expect(error?.reason.contains("is a link") == true, "\(deed) \(name): \(error as Any)")
      }
    }
    #expect(try bytes(precious) == Array("precious".utf8))
    #expect(mode(precious) == 0o600)
    #expect(scratch.contents == ["precious", "run"])
    guarded.remove("there")
    #expect(scratch.contents == ["precious", "run"])
  }

  @Test func noInnerFolderIsALink() throws {
    try link("checkpoints", to: scratch.path)
    for inner in [guarded.folder("checkpoints"), GuardedFolder(inParent: inner("checkpoints"))] {
      #expect(failure { try inner.read("precious", limit: 99) }?.reason.contains("a link") == true)
      #expect(failure { try inner.write([1], to: "precious") }?.kind == .cannotCreate)
      #expect(failure { try inner.append([1], to: "precious") } != nil)
      inner.remove("precious")
    }
    #expect(try bytes(precious) == Array("precious".utf8))
  }

  private func inner(_ name: String) -> String { guarded.path(name) }

  /// Opening a pipe waits for the other end, and a device may do anything.
  @Test(.timeLimit(.minutes(1))) func pipesFoldersAndDevicesAreNoFiles() throws {
    #expect(mkfifo(guarded.path("pipe"), 0o666) == 0)
    #expect(mkdir(guarded.path("folder"), 0o777) == 0)
    var names = ["pipe", "folder"]
    if mknod(guarded.path("device"), S_IFCHR | 0o666, 1 << 8 | 5) == 0 { names.append("device") }
    for (deed, attempt) in deeds {
      for name in names { #expect(failure { try attempt(name) } != nil, "\(deed) \(name)") }
    }
    #expect(guarded.strangers() == nil)
  }

  @Test func theWayToTheFolderMayBeALink() throws {
    try guarded.write([1, 2], to: "file")
    try FileManager.default.createSymbolicLink(
      atPath: scratch.file("alias"), withDestinationPath: "run")
    #expect(try GuardedFolder(path: scratch.file("alias")).read("file", limit: 2) == [1, 2])
  }

  @Test func aReplacedFileKeepsItsMode() throws {
    for expected in [0o600, 0o640, 0o664] as [mode_t] {
      try guarded.write([1], to: "file")
      #expect(chmod(guarded.path("file"), expected) == 0)
      try guarded.write([2], to: "file")
      #expect(mode(guarded.path("file")) == expected)
      try writeAtomically([3], to: guarded.path("file"))
      #expect(mode(guarded.path("file")) == expected)
    }
  }

  @Test func appendingAddsWholeLinesThatAreReadAgain() throws {
    for line in ["one\n", "\n", "three"] { try guarded.append(Array(line.utf8), to: "lines") }
    var lines: [String] = []
    try guarded.forEachLine(of: "lines", limit: 10) {
      lines.append(String(decoding: $0, as: UTF8.self))
    }
    #expect(lines == ["one", "", "three"])
    #expect(failure { try guarded.forEachLine(of: "lines", limit: 9) { _ in } } != nil)
    #expect(failure { try guarded.read("lines", limit: 9) }?.reason.contains("limit of 9") == true)
  }

  @Test func aLockIsItsOwnersAlone() throws {
    let lock = try FileLock(".lock", in: guarded)
    #expect(lock.attempt() == .locked && lock.attempt() == .locked)
    #expect(mode(guarded.path(".lock")) == 0o600)
    #expect(chmod(guarded.path(".lock"), 0o666) == 0)
    #expect(try FileLock(".lock", in: guarded).attempt() == .busy)
    #expect(mode(guarded.path(".lock")) == 0o600)
  }
}

/// Whose folders and files a cache takes.
@Suite struct OwnershipTests {
  private let scratch = TemporaryFolder()
  private var cache: GuardedFolder {
    GuardedFolder(path: scratch.file("cache"), trust: .ownerOnly).folder("ab")
  }

  @Test func whatOthersMayWriteIsRefused() throws {
    let path = scratch.file("cache")
    let before = umask(0)
    defer { umask(before) }
    try cache.create()
    try cache.write([1], to: "file")
    #expect(try cache.read("file", limit: 1) == [1])
    for place in [path, path + "/ab", path + "/ab/file"] {
      var status = stat()
      #expect(stat(place, &status) == 0 && status.st_mode & 0o022 == 0)
      for bit in [0o020, 0o002] as [mode_t] {
        #expect(chmod(place, status.st_mode | bit) == 0)
        let error = failure { try cache.read("file", limit: 1) }
        #expect(error?.path == place && error?.reason.contains("chmod go-w") == true)
      }
      #expect(chmod(place, status.st_mode) == 0)
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
  func whatBelongsToOthersIsRefused() throws {
    let path = scratch.file("cache")
    try cache.create()
    try cache.write([1], to: "file")
    for place in [path, path + "/ab", path + "/ab/file"] {
      #expect(chown(place, 65_534, 65_534) == 0)
      let error = failure { try cache.read("file", limit: 1) }
      #expect(error?.reason.contains("belongs to another user (number 65534)") == true)
      #expect(chown(place, 0, 0) == 0)
    }
    #expect(try cache.read("file", limit: 1) == [1])
  }
}
