import FileIO
import Foundation
import ImageCodecs
import ImageData
import Testing

@testable import Training

/// What `check` and `train` find about the files of a set.
struct ImageInspectorTests {
  @Test func copiesAcrossPartsAndClassesAreTold() {
    let manifest = DatasetManifest(
      classes: ["a", "b"],
      train: ["t/a/1", "t/a/2", "t/b/3"].map {
        Sample(path: $0, label: $0.contains("a") ? 0 : 1, bytes: 1)
      },
      validation: ["v/a/4", "v/b/5"].map {
        Sample(path: $0, label: $0.contains("a") ? 0 : 1, bytes: 1)
      })
    #expect(ImageDigests(values: [1, 2, 3, 4, 5]).copies(in: manifest) == [])
    // Of images that nobody has read nothing is known, and copies in one class and part are none.
    #expect(ImageDigests(values: [1, 1, 0, 0, 0]).copies(in: manifest) == [])
    #expect(
      ImageDigests(values: [1, 2, 1, 2, 1]).copies(in: manifest) == [
        "the accuracy says too much, for validation images that are training images, too: 2, as v/a/4 = t/a/2",
        "images that are in another class, too, of which one is wrong: 2, as t/b/3 = t/a/1",
      ])
  }

  private struct Folder {
    let path = FileManager.default.temporaryDirectory.path + "/avp-inspect-\(UUID().uuidString)"

    func write(_ name: String, _ bytes: [UInt8]) throws -> Sample {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
      return Sample(path: name, label: 0, bytes: bytes.count)
    }
  }

  /// A grey image of three columns and two rows.
  private static let grey = Array("P5 3 2 255\n".utf8) + [1, 2, 3, 4, 5, 6]

  @Test func factsFollowFromTheContent() throws {
    let folder = Folder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    var named = try folder.write("a.png", Self.grey)
    let samples = [
      try folder.write("a.pgm", Self.grey), named,
      try folder.write("deep.pgm", Array("P5 1 1 65535\n".utf8) + [1, 2]),
    ]
    let worker = try ImageInspector(ImageSource(root: folder.path)).makeWorker(
      sharing: MemoryBudget(bytes: 1 << 20))
    func facts(_ samples: [Sample]) throws -> [ImageFacts] {
      try worker(samples.map { FeatureRequest(sample: $0, index: 0, view: nil) }) { _ in }
        .map { try ImageFacts(attachment: $0.attachment) }
    }
    let found = try facts(samples)
    #expect(found.map(\.format) == ["PNM", "PNM", "PNM"])
    #expect(found.map(\.isMisnamed) == [false, true, false])
    #expect(found[0].width == 3 && found[0].height == 2 && found[0].digest == sha256(Self.grey))
    #expect(found[2].notes.isDeepGrey && !found[0].notes.isDeepGrey)
    named.digest = String(repeating: "0", count: 64)
    let cut = try folder.write("cut.pgm", Self.grey.dropLast(3))
    for sample in [named, cut, Sample(path: "gone.pgm", label: 0, bytes: 1)] {
      #expect(throws: DatasetError.self) { try facts([sample]) }
    }
  }
}
