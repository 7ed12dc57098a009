import Foundation
import Testing

@testable import ImageData

/// Image sets that cannot serve: each message names the folder and the remedy.
struct DatasetErrorTests {
  /// A set that `damage` makes unusable, the kind of its error, and words of its message.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kind: DatasetError.Kind
    let words: [String]
    let damage: @Sendable (TemporaryFolder) throws -> Void
  }

  static let cases: [Case] = [
    Case(
      testDescription: "no train folder", kind: .missing, words: ["/train:", "avp-dist prepare"],
      damage: { try $0.remove("train") }),
    Case(
      testDescription: "train is a file", kind: .missing, words: ["/train is not a folder"],
      damage: {
        try $0.remove("train")
        try $0.add("train", [1])
      }),
    Case(
      testDescription: "no validation folder", kind: .missing,
      words: ["/validation (nor val or valid)"],
      damage: { try $0.remove("validation") }),
    Case(
      testDescription: "two validation folders", kind: .invalid,
      words: ["folders validation and valid"],
      damage: { try $0.addFolder("valid") }),
    Case(
      testDescription: "no class", kind: .invalid, words: ["/train holds no class folders"],
      damage: {
        try $0.remove("train/a")
        try $0.remove("train/b")
      }),
    Case(
      testDescription: "images without classes", kind: .invalid,
      words: ["2 images lie directly in", "/train/CLASS/image.jpg"],
      damage: {
        try $0.remove("train")
        try $0.add("train/1.jpg", [1])
        try $0.add("train/2.PNG", [1])
      }),
    Case(
      testDescription: "one class", kind: .invalid, words: ["only the class 'b'", "at least 2"],
      damage: { try $0.remove("train/a") }),
    Case(
      testDescription: "empty class", kind: .invalid, words: ["/train/empty holds no images"],
      damage: { try $0.addFolder("train/empty/deeper") }),
    Case(
      testDescription: "class of other files", kind: .invalid,
      words: ["/train/c holds no images"],
      damage: { try $0.add("train/c/1.heic", [1]) }),
    Case(
      testDescription: "class missing in validation", kind: .invalid,
      words: ["/validation lacks 'c'"],
      damage: { try $0.add("train/c/1.jpg", [1]) }),
    Case(
      testDescription: "classes that differ both ways", kind: .invalid,
      words: ["/validation lacks 'c', 'd'", "/train lacks 'C'"],
      damage: {
        try $0.add("train/c/1.jpg", [1])
        try $0.add("train/d/1.jpg", [1])
        try $0.add("validation/C/1.jpg", [1])
      }),
    Case(
      testDescription: "one class in validation", kind: .invalid, words: ["/validation lacks 'a'"],
      damage: { try $0.remove("validation/a") }),
    Case(
      testDescription: "broken link", kind: .missing, words: ["/train/a/9.jpg", "broken link"],
      damage: { try $0.addLink("train/a/9.jpg", to: "nowhere") }),
    Case(
      testDescription: "link to itself", kind: .invalid, words: ["/train/a/9.jpg", "link"],
      damage: { try $0.addLink("train/a/9.jpg", to: "9.jpg") }),
  ]

  @Test(arguments: cases) func badSetIsRefused(_ bad: Case) throws {
    let folder = try TemporaryFolder.imageSet()
    try bad.damage(folder)
    let error = #expect(throws: DatasetError.self) { try DatasetManifest.scan(root: folder.path) }
    #expect(error?.kind == bad.kind)
    for word in bad.words {
      #expect(
        error?.description.contains(word) == true, "\(error?.description ?? "") lacks \(word)")
    }
  }

  @Test func missingRootNamesTheRemedy() {
    let error = #expect(throws: DatasetError.self) {
      try DatasetManifest.scan(root: "/nonexistent/data")
    }
    #expect(error?.kind == .missing)
    #expect(error?.description.contains("there is no folder /nonexistent/data: name") == true)
  }

  @Test func unreadableSamplesAreNamed() throws {
    let folder = try TemporaryFolder.imageSet()
    let manifest = try DatasetManifest.scan(root: folder.path)
    #expect(DatasetManifest.unreadable(samples: manifest.train, root: folder.path).isEmpty)
    try folder.add("train/a/1.jpg", [1, 2, 3])
    try folder.remove("train/b/1.jpeg")
    let found = DatasetManifest.unreadable(samples: manifest.train, root: folder.path)
    #expect(
      found.map(\.path) == ["train/a/1.jpg", "train/b/1.jpeg"].map { folder.path + "/" + $0 })
    #expect(found.first?.reason == "it has 3 bytes, not 10 as when the image set was listed")
    #expect(found.last?.reason == "No such file or directory")
  }
}

struct ImageSourceTests {
  @Test func bytesAreTheFiles() throws {
    let folder = try TemporaryFolder(["a.jpg": 5, "empty.jpg": 0])
    let source = ImageSource(root: folder.path)
    #expect(
      try source.bytes(of: Sample(path: "a.jpg", label: 0, bytes: 5)) == [7, 7, 7, 7, 7])
    #expect(try source.bytes(of: Sample(path: "empty.jpg", label: 0, bytes: 0)).isEmpty)
  }

  /// "é" of one character and of two: equal as strings, as an archive of a Mac may bring them.
  @Test func namesThatDifferInTheirCharactersOnly() throws {
    let (composed, decomposed) = ("\u{e9}", "e\u{301}")
    let spelled = try TemporaryFolder([
      "train/\(composed)/1.jpg": 1, "train/f/1.jpg": 1, "validation/\(decomposed)/1.jpg": 1,
      "validation/f/1.jpg": 1,
    ])
    let other = #expect(throws: DatasetError.self) {
      try DatasetManifest.scan(root: spelled.path)
    }
    #expect(other?.description.contains("in other Unicode characters") == true)
    #expect(other?.description.contains("validation lacks '\(composed)'") == true)
    let twins = try TemporaryFolder()
    for name in [composed, decomposed] { try twins.add("\(name)/1.jpg", [1]) }
    let both = #expect(throws: DatasetError.self) { try ClassFolders.scan(twins.path) }
    #expect(both?.description.contains("different Unicode characters") == true)
  }

  @Test func errorsNameTheFile() throws {
    let folder = try TemporaryFolder(["a.jpg": 5])
    try folder.addFolder("folder.jpg")
    let source = ImageSource(root: folder.path)
    for (name, bytes, kind, words) in [
      ("a.jpg", 5, DatasetError.Kind.invalid, "cannot be decoded"),
      ("a.jpg", 6, .missing, "it has 5 bytes, not 6"), ("b.jpg", 5, .missing, "No such file"),
      ("folder.jpg", 0, .missing, "it is not a file"),
    ] {
      let error = #expect(throws: DatasetError.self) {
        try source.image(of: Sample(path: name, label: 0, bytes: bytes))
      }
      #expect(error?.kind == kind)
      #expect(error?.description.contains("\(folder.path)/\(name)") == true)
      #expect(error?.description.contains(words) == true)
    }
  }

  /// The memory of this process is a file whose first byte cannot be read.
  @Test func errorsOfTheDiskAreTheHosts() {
    let error = #expect(throws: DatasetError.self) {
      try ImageSource(root: "/proc/self").bytes(of: Sample(path: "mem", label: 0, bytes: 0))
    }
    #expect(error?.kind == .host)
    #expect(error?.description.contains("Input/output error") == true)
  }

  @Test func hugeFilesAreNotRead() throws {
    let folder = try TemporaryFolder(["a.jpg": 1])
    // A sparse file: it has the size without the disk space.
    let bytes = ImageSource.fileLimit + 1
    truncate(folder.path + "/a.jpg", off_t(bytes))
    let error = #expect(throws: DatasetError.self) {
      try ImageSource(root: folder.path).image(
        of: Sample(path: "a.jpg", label: 0, bytes: bytes))
    }
    #expect(error?.description.contains("more than the limit") == true)
  }
}
