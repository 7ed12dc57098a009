import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

@Suite struct FileAccessTests {
  @Test func digestOfKnownTexts() {
    // The examples of FIPS 180-2.
    #expect(
      sha256(Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      sha256([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    var digest = SHA256()
    for _ in 0..<1000 { digest.update([UInt8](repeating: UInt8(ascii: "a"), count: 1000)) }
    #expect(
      digest.hexadecimal() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func missingFilesAndFoldersAreToldApart() {
    let folder = TemporaryFolder()
    #expect(failure { try ByteSource(path: folder.file("none")) }?.kind == .missing)
    #expect(failure { try ByteSource(path: folder.path) }?.kind == .unreadable)
    #expect(failure { try ByteSource(path: "/dev/zero") }?.kind == .unreadable)
  }

  @Test func readingBeyondTheEndIsRefused() {
    let source = ByteSource([1, 2, 3, 4], path: "test")
    #expect(failure { try source.bytes(at: 2, count: 3) } != nil)
    #expect(failure { try source.bytes(at: -1, count: 1) } != nil)
    #expect(failure { try source.bytes(at: .max, count: 1) } != nil)
    #expect(failure { try source.elements(of: Int64.self, at: 0, count: .max / 2) } != nil)
    #expect(failure { try source.bytes(at: 4, count: 0) } == nil)
  }

  @Test func aFileThatShrinksGivesAnError() throws {
    let folder = TemporaryFolder()
    let path = try folder.write([UInt8](repeating: 1, count: 100), "shrinks")
    let source = try ByteSource(path: path)
    #expect(truncate(path, 10) == 0)
    #expect(failure { try source.bytes(at: 0, count: 100) }?.kind == .damaged)
  }

  @Test func atomicWriteFollowsLinks() throws {
    let folder = TemporaryFolder()
    let path = try folder.write([1], "real")
    let files = FileManager.default
    try files.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "real")
    try files.createSymbolicLink(atPath: folder.file("chain"), withDestinationPath: "link")
    try files.createSymbolicLink(atPath: folder.file("dangling"), withDestinationPath: "new")
    try files.createSymbolicLink(atPath: folder.file("circle"), withDestinationPath: "circle")
    try writeAtomically([2], to: folder.file("chain"))
    try writeAtomically([3], to: folder.file("dangling"))
    #expect(try [UInt8](Data(contentsOf: URL(filePath: path))) == [2])
    #expect(try [UInt8](Data(contentsOf: URL(filePath: folder.file("new")))) == [3])
    #expect(failure { try writeAtomically([4], to: folder.file("circle")) }?.kind == .cannotCreate)
    #expect(try files.destinationOfSymbolicLink(atPath: folder.file("chain")) == "link")
    #expect(folder.contents.sorted() == ["chain", "circle", "dangling", "link", "new", "real"])
  }

  /// A device would be lost; the pipe here stands for one.
  @Test func atomicWriteReplacesNothingButFiles() throws {
    let folder = TemporaryFolder()
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    #expect(mkdir(folder.file("folder"), 0o700) == 0)
    for (name, reason) in [("pipe", "is no regular file"), ("folder", "is a folder")] {
      let error = failure { try writeAtomically([1], to: folder.file(name)) }
      #expect(error?.kind == .cannotCreate)
      #expect(error?.description.contains(reason) == true)
    }
    #expect(folder.contents.sorted() == ["folder", "pipe"])
  }

  @Test func whatActsOnATerminalIsShown() {
    #expect(visible("a\u{1b}]0;x\u{7}\r\u{7f}\u{9b}b") == #"a\u{1b}]0;x\u{7}\u{d}\u{7f}\u{9b}b"#)
    #expect(visible("two\nlines\tand Grün 👩‍🚀") == "two\nlines\tand Grün 👩‍🚀")
    #expect(visible("\u{202e}gpj.exe") == #"\u{202e}gpj.exe"#)
  }

  @Test func atomicWriteReplacesAndLeavesNothingBehind() throws {
    let folder = TemporaryFolder()
    let path = folder.file("file")
    try writeAtomically([1, 2, 3], to: path)
    try writeAtomically([4], to: path)
    #expect(try [UInt8](Data(contentsOf: URL(filePath: path))) == [4])
    #expect(folder.contents == ["file"])
  }

  /// What a crash leaves depends on the order: first the bytes, then the name, then the folder.
  @Test func bytesAreOnTheDiskBeforeTheNameIs() throws {
    let folder = TemporaryFolder()
    let file = try TemporaryFile(beside: folder.file("file"))
    var order: [String] = []
    var calls = DurableCalls()
    calls.flush = { descriptor in
      var facts = stat()
      fstat(descriptor, &facts)
      let isFolder = facts.st_mode & S_IFMT == S_IFDIR
      order.append(isFolder ? "folder" : "file of \(facts.st_size), \(folder.contents)")
      return 0
    }
    calls.rename = { parent, old, new in
      order.append("name")
      return renameat(parent, old, parent, new)
    }
    try file.complete(isFlushed: true, calls) { file throws(FileError) in
      try file.append([1, 2, 3])
    }
    let temporary = lastComponent(file.temporaryPath)
    #expect(order == ["file of 3, [\"\(temporary)\"]", "name", "folder"])
    #expect(folder.contents == ["file"])
  }

  @Test(arguments: ["flushing", "renaming"]) func whatCannotBeKeptIsAnError(step: String) throws {
    let folder = TemporaryFolder()
    let path = try folder.write([9], "file")
    var calls = DurableCalls()
    func fail() -> Int32 {
      errno = EIO
      return -1
    }
    if step == "flushing" {
      calls.flush = { _ in fail() }
    } else {
      calls.rename = { _, _, _ in fail() }
    }
    let error = failure {
      try TemporaryFile(beside: path).complete(isFlushed: true, calls) {
        file throws(FileError) in try file.append([1])
      }
    }
    #expect(error?.kind == .writeFailed)
    #expect(error?.description.contains("\(step) failed: ") == true)
    #expect(folder.contents == ["file"])
    #expect(try [UInt8](Data(contentsOf: URL(filePath: path))) == [9])
  }

  @Test func unwritablePlacesAreNamed() throws {
    let folder = TemporaryFolder()
    let missing = folder.file("none/file")
    let error = failure { try writeAtomically([1], to: missing) }
    #expect(error?.kind == .cannotCreate)
    #expect(error?.description.hasPrefix(missing) == true)
    try FileManager.default.createDirectory(
      atPath: folder.file("taken"), withIntermediateDirectories: false)
    #expect(failure { try writeAtomically([1], to: folder.file("taken")) }?.kind == .cannotCreate)
    #expect(folder.contents == ["taken"])
    #expect(failure { try writeAtomically([1], to: folder.path + "/") }?.kind == .cannotCreate)
  }
}
