import Foundation
import Testing

@testable import WeightFiles

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
    #expect(failure { try ByteSource(path: folder.file("none")) }?.kind == .missingFile)
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

  @Test func atomicWriteReplacesAndLeavesNothingBehind() throws {
    let folder = TemporaryFolder()
    let path = folder.file("file")
    try writeAtomically([1, 2, 3], to: path)
    try writeAtomically([4], to: path)
    #expect(try [UInt8](Data(contentsOf: URL(filePath: path))) == [4])
    #expect(folder.contents == ["file"])
  }

  @Test func unwritablePlacesAreNamed() throws {
    let folder = TemporaryFolder()
    let missing = folder.file("none/file")
    let error = failure { try writeAtomically([1], to: missing) }
    #expect(error?.kind == .cannotCreate)
    #expect(error?.description.hasPrefix(missing) == true)
    // A folder in the file's place makes the renaming fail; the temporary file must go.
    try FileManager.default.createDirectory(
      atPath: folder.file("taken"), withIntermediateDirectories: false)
    #expect(failure { try writeAtomically([1], to: folder.file("taken")) }?.kind == .writeFailed)
    #expect(folder.contents == ["taken"])
    #expect(failure { try writeAtomically([1], to: folder.path + "/") }?.kind == .cannotCreate)
  }
}
