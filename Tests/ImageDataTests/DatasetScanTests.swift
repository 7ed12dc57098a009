import Foundation
import Testing

@testable import ImageData

struct DatasetScanTests {
  @Test func listsEveryImageOnce() throws {
    let folder = try TemporaryFolder.imageSet()
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(manifest.classes == ["a", "b"])
    #expect(
      manifest.train == [
        Sample(path: "train/a/1.jpg", label: 0, bytes: 10),
        Sample(path: "train/a/2.png", label: 0, bytes: 20),
        Sample(path: "train/b/1.jpeg", label: 1, bytes: 30),
      ])
    #expect(
      manifest.validation == [
        Sample(path: "validation/a/3.jpg", label: 0, bytes: 40),
        Sample(path: "validation/b/4.jpg", label: 1, bytes: 50),
      ])
    #expect(manifest.leftOut == LeftOut())
    #expect(try DatasetManifest.scan(root: folder.path + "/") == manifest)
  }

  @Test(arguments: ["val", "valid"]) func otherNamesServeAsValidation(name: String) throws {
    let folder = try TemporaryFolder([
      "train/a/1.jpg": 1, "train/b/1.jpg": 1, "\(name)/a/1.jpg": 1, "\(name)/b/1.jpg": 1,
      "test/a/1.jpg": 1,
    ])
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(manifest.validation.map(\.path) == ["\(name)/a/1.jpg", "\(name)/b/1.jpg"])
    #expect(manifest.leftOut.description == "left out: 1 folders that are not used (test)")
  }

  /// Names in the order of Python's `sorted`, with every character that sorts unexpectedly.
  @Test func sortsByBytesAsImageFolderDoes() throws {
    let classes = [
      "10", "9", "B", "Z", "_x", "a", "a b", "a-b", "e\u{301}", "z", "\u{ea}", "\u{1f47d}",
    ]
    let inside = [
      "10.jpg", "9.jpg", "A.JPG", "a.jpg", "b/1.png", "b/c/1.jpg", "b-c/1.jpg", "\u{e4}.jpg",
    ]
    let folder = try TemporaryFolder(["train/a/b.jpg/2.jpg": 1])
    for name in classes {
      for file in inside {
        try folder.add("train/\(name)/\(file)", [1])
        try folder.add("validation/\(name)/\(file)", [1])
      }
    }
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(manifest.classes == classes)
    let expected = [
      "10.jpg", "9.jpg", "A.JPG", "a.jpg", "\u{e4}.jpg", "b/1.png", "b-c/1.jpg", "b/c/1.jpg",
    ]
    #expect(manifest.validation.count == classes.count * inside.count)
    for (label, name) in classes.enumerated() {
      let paths = manifest.validation.filter { $0.label == label }.map(\.path)
      #expect(paths == expected.map { "validation/\(name)/\($0)" })
    }
    #expect(manifest.train.contains { $0.path == "train/a/b.jpg/2.jpg" })
  }

  @Test func filesThatAreNoImagesAreCounted() throws {
    let folder = try TemporaryFolder.imageSet()
    for file in [
      "train/a/x.nef", "train/a/notes.txt", "train/a/deep/y.avif", "train/b/jpg", "train/b/z.svg",
      "validation/a/jpeg.", "train/README.md", "train/loose.jpg",
    ] { try folder.add(file, [1]) }
    for file in [".DS_Store", "train/.x.jpg", "train/.git/a.jpg", "train/a/.b/c.jpg"] {
      try folder.add(file, [1])
    }
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(manifest.train.count == 3)
    #expect(
      manifest.leftOut.kinds == [
        ".nef": 1, ".txt": 1, ".avif": 1, ".svg": 1, ".md": 1, "other files": 2, "hidden": 3,
        "images in no class folder": 1,
      ])
    #expect(ClassFolders.isImage("A.JpEg"))
    #expect(!ClassFolders.isImage("png"))
  }

  @Test func linksAreFollowedButNotInCircles() throws {
    let folder = try TemporaryFolder.imageSet()
    try folder.add("elsewhere/c/5.jpg", [1, 2])
    try folder.addLink("train/c", to: "../elsewhere/c")
    try folder.addLink("validation/c", to: folder.path + "/elsewhere/c")
    try folder.addLink("elsewhere/c/again", to: ".")
    try folder.addLink("train/a/up", to: "../a")
    try folder.addLink("train/a/top", to: "..")
    try folder.addLink("train/b/6.jpg", to: "../a/1.jpg")
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(manifest.classes == ["a", "b", "c"])
    #expect(
      manifest.train.map(\.path) == [
        "train/a/1.jpg", "train/a/2.png", "train/b/1.jpeg", "train/b/6.jpg", "train/c/5.jpg",
      ])
    #expect(manifest.train[3].bytes == 10)
  }

  @Test func fingerprintShowsEveryDifference() throws {
    let folder = try TemporaryFolder.imageSet()
    var seen: Set<String> = []
    func note() throws {
      let fingerprint = try DatasetManifest.scan(root: folder.path).fingerprint
      #expect(fingerprint.count == 16)
      #expect(try DatasetManifest.scan(root: folder.path).fingerprint == fingerprint)
      #expect(seen.insert(fingerprint).inserted)
    }
    try note()
    try folder.add("train/a/1.jpg", [1])
    try note()
    try folder.add("train/a/0.jpg", [1])
    try note()
    try folder.remove("train/a/1.jpg")
    try note()
    try folder.add("train/b/0.jpg", [1])
    try folder.remove("train/a/0.jpg")
    try note()
    try folder.add("train/c/0.jpg", [1])
    try folder.add("validation/c/0.jpg", [1])
    try note()
    #expect(
      DatasetManifest(classes: [], train: [], validation: []).fingerprint == "d0a6fc18672a1282")
  }

  @Test func manifestSurvivesJSON() throws {
    let folder = try TemporaryFolder.imageSet()
    let manifest = try DatasetManifest.scan(root: folder.path)
    let bytes = try JSONEncoder().encode(manifest)
    #expect(try JSONDecoder().decode(DatasetManifest.self, from: bytes) == manifest)
  }
}

/// The article's own images.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["AVP_TEST_DATA"] != nil, "AVP_TEST_DATA is not set"))
struct RealDatasetTests {
  @Test func hasTheKnownCounts() throws {
    let root = try #require(ProcessInfo.processInfo.environment["AVP_TEST_DATA"])
    let manifest = try DatasetManifest.scan(root: root)
    #expect(manifest.classes == ["alien", "predator"])
    #expect(manifest.train.map(\.label).filter { $0 == 0 }.count == 347)
    #expect(manifest.train.count == 694)
    #expect(manifest.validation.count == 200)
    #expect(
      manifest.train.prefix(3).map(\.path)
        == ["train/alien/0.jpg", "train/alien/1.jpg", "train/alien/10.jpg"])
    #expect(DatasetManifest.unreadable(samples: manifest.train, root: root).isEmpty)
  }
}
