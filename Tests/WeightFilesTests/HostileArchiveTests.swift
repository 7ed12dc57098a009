import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// Zip files and indices that lead astray.
@Suite struct HostileArchiveTests {
  /// A zip file with entries of these names, each of four bytes, and a change to its bytes.
  private func archive(
    _ names: [String], _ change: (inout [UInt8]) -> Void = { _ in }
  ) throws -> [UInt8] {
    let folder = TemporaryFolder()
    var zip = try ZipWriter(to: folder.file("a.zip"))
    for name in names { try zip.add(name, [1, 2, 3, 4]) }
    try zip.finish()
    var bytes = try ByteSource(path: folder.file("a.zip")).wholeFile()
    change(&bytes)
    return bytes
  }

  private func error(_ bytes: [UInt8]) -> FileError? {
    failure { try loadBackboneWeights(bytes: bytes, path: "evil.zip") }
  }

  /// The offset of the first record of the directory.
  private func directory(_ bytes: [UInt8]) -> Int {
    bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4B, 0x01, 0x02]) } ?? 0
  }

  @Test(arguments: [
    "../../etc/passwd", "/etc/passwd", "a/../../b", "..", "a\\..\\b", "C:\\x", "a\0b", "a\nb",
  ])
  func namesThatLeaveTheFolderAreRefused(_ name: String) throws {
    let error = error(try archive(["model/data.pkl", name]))
    #expect(error?.kind == .damaged)
    #expect(error?.description.contains("leads out of the archive") == true)
  }

  @Test func compressedAndEncryptedEntriesAreRefused() throws {
    let compressed = try archive(["model/data.pkl"]) { $0[directory($0) + 10] = 8 }
    #expect(error(compressed)?.description.contains("compressed") == true)
    let encrypted = try archive(["model/data.pkl"]) { $0[directory($0) + 8] = 1 }
    #expect(error(encrypted)?.description.contains("encrypted") == true)
  }

  @Test func duplicateAndOverlappingEntriesAreRefused() throws {
    #expect(error(try archive(["a", "a"]))?.description.contains("twice") == true)
    let overlapping = try archive(["a", "b"]) { bytes in
      // The second record takes the space of the first one's entry.
      let second = directory(bytes) + 47
      for index in 42..<46 { bytes[second + index] = 0 }
    }
    #expect(error(overlapping)?.description.contains("overlap") == true)
  }

  @Test func sizesBeyondTheFileAreRefused() throws {
    for (offset, count) in [(20, 8), (42, 4), (28, 2), (30, 2), (32, 2)] {
      let bytes = try archive(["model/data.pkl"]) { bytes in
        let record = directory(bytes)
        for index in offset..<offset + count { bytes[record + index] = 0xFE }
      }
      #expect(error(bytes)?.kind == .damaged, "field at \(offset)")
    }
    // 64-bit sizes are asked for, but not there.
    let wide = try archive(["model/data.pkl"]) { bytes in
      let record = directory(bytes)
      for index in 20..<28 { bytes[record + index] = 0xFF }
    }
    #expect(error(wide)?.kind == .damaged)
    for offset in [10, 12, 16] {
      let bytes = try archive(["model/data.pkl"]) { bytes in
        for index in 0..<(offset == 10 ? 2 : 4) { bytes[bytes.count - 22 + offset + index] = 0xFF }
      }
      #expect(error(bytes)?.kind == .damaged)
    }
  }

  @Test func anEntryThatReachesIntoTheDirectoryIsRefused() throws {
    let bytes = try archive(["model/data.pkl"]) { bytes in
      // Both sizes of an entry of four bytes, behind which the directory begins.
      let record = directory(bytes)
      for offset in [20, 24] { bytes[record + offset] = 40 }
    }
    #expect(error(bytes)?.description.contains("lies outside the file") == true)
  }

  @Test func changedBytesAreFoundByTheChecksum() throws {
    let whole = try Golden.bytes("zip.pth")
    let zip = try ZipArchive(ByteSource(whole, path: "zip"))
    let entry = try #require(zip.entries.values.first { $0.range.count > 100 })
    var bytes = whole
    bytes[entry.range.lowerBound + 50] ^= 1
    #expect(error(bytes)?.description.contains("checksum") == true)
  }

  @Test func anArchiveOfSomethingElseSaysSo() throws {
    let error = error(try archive(["word/document.xml"]))
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("neither of PyTorch nor of Keras") == true)
  }

  @Test func checksumOfAKnownText() {
    // The check value of CRC-32/ISO-HDLC.
    #expect(CRC32.of(Array("123456789".utf8)) == 0xCBF4_3926)
    var pieces = CRC32()
    pieces.update(Array("12345".utf8))
    pieces.update(Array("6789".utf8))
    #expect(pieces.value == 0xCBF4_3926)
    let long = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var single = CRC32()
    for byte in long { single.update([byte]) }
    #expect(CRC32.of(long) == single.value)
  }

  @Test(arguments: ["../other.safetensors", "/etc/passwd", "..", "", "a/b.safetensors"])
  func indicesThatLeaveTheFolderAreRefused(_ name: String) throws {
    let folder = TemporaryFolder()
    let json = "{\"weight_map\":{\"conv1.weight\":\(jsonString(name))}}"
    let path = try folder.write(Array(json.utf8), "model.safetensors.index.json")
    let error = failure { try loadBackboneWeights(path) }
    #expect(error?.kind == .damaged)
    #expect(error?.description.contains("not in the same folder") == true)
  }

  @Test func indicesOfMissingFilesAndTensors() throws {
    let folder = TemporaryFolder()
    let index = "{\"weight_map\":{\"conv1.weight\":\"part\"}}"
    let path = try folder.write(Array(index.utf8), "index.json")
    #expect(failure { try loadBackboneWeights(path) }?.kind == .missing)
    var writer = SafeTensorsWriter()
    writer.add("other", .init(shape: [1], values: [Float(1)]))
    try writer.write(to: folder.file("part"))
    #expect(failure { try loadBackboneWeights(path) }?.entry == "conv1.weight")
    #expect(
      failure { try loadBackboneWeights(bytes: Array("{}".utf8), path: "x") }?.kind == .unsupported)
  }

  /// An index of the tensor `a` in `one` and `b` in `two`.
  private func index(
    _ folder: TemporaryFolder, one: SafeTensorsWriter, two: SafeTensorsWriter
  ) throws -> ByteSource {
    try one.write(to: folder.file("one"))
    try two.write(to: folder.file("two"))
    let text = "{\"weight_map\":{\"a\":\"one\",\"b\":\"two\"}}"
    return try ByteSource(path: folder.write(Array(text.utf8), "index.json"))
  }

  @Test func partsOfOneModelMustAgree() throws {
    let folder = TemporaryFolder()
    let value = Tensor<Float>(shape: [1], values: [1])
    var one = SafeTensorsWriter(metadata: ["format": "pt", "mean": "1,2,3"])
    var two = SafeTensorsWriter(metadata: ["format": "pt", "std": "1,1,1"])
    one.add("a", value)
    two.add("b", value)
    let metadata = try SafeTensorsIndex(index(folder, one: one, two: two)).metadata
    #expect(metadata == ["format": "pt", "mean": "1,2,3", "std": "1,1,1"])

    var other = SafeTensorsWriter(metadata: ["format": "tf"])
    other.add("b", value)
    let differing = failure { try SafeTensorsIndex(index(folder, one: one, two: other)) }
    #expect(differing?.description.contains("disagree about the metadata \"format\"") == true)

    two.add("c", value)
    let unlisted = failure { try SafeTensorsIndex(index(folder, one: one, two: two)) }
    #expect(unlisted?.kind == .entryUnexpected)
    #expect(unlisted?.entry == "c")
  }

  @Test func contentThatIsNoWeightFileIsNamed() throws {
    for (text, part) in [
      ("", "empty"), ("<!DOCTYPE html>", "web page"), ("<?xml", "web page"),
      ("version https://git-lfs.github.com/spec/v1", "Git LFS"), ("GIF89a...", "no weight file"),
    ] {
      let error = error(Array(text.utf8))
      #expect(error?.kind == .unsupported)
      #expect(error?.description.contains(part) == true, "\(text)")
    }
    #expect(error([0x80, 4, 0x4E, 0x2E])?.description.contains("pickle") == true)
  }
}
