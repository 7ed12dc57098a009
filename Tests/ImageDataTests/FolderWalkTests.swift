import Foundation
import Tensors
import Testing

@testable import ImageData

/// The one walk over folders, with what lies in real ones besides images.
struct FolderWalkTests {
  private func paths(_ folder: TemporaryFolder) throws -> [String] {
    try FolderImages.scan(folder.path).samples.map {
      String($0.path.dropFirst(folder.path.count + 1))
    }
  }

  /// A set of random depth and names, with every kind of entry.
  private func randomSet(seed: UInt64) throws -> TemporaryFolder {
    let folder = try TemporaryFolder(["a/0.jpg": 1, "b/0.jpg": 1])
    var random = CounterRandom(seed: seed, purpose: .datasetSplit)
    func pick<Value>(_ values: [Value]) -> Value {
      values[min(values.count - 1, Int(random.uniform(0, Double(values.count))))]
    }
    var folders = ["a", "b"]
    for number in 0..<40 {
      let place = pick(folders) + "/"
      switch pick(Array(0..<6)) {
      case 0:
        folders.append(place + pick(["x", "y.jpg", "@eaDir", ".z", "__MACOSX"]) + "\(number)")
        try folder.addFolder(folders[folders.count - 1])
      case 1: try folder.addFolder(place + pick(["@eaDir", ".h", "lost+found"]))
      case 2: try folder.addLink(place + "l\(number)", to: folder.path + "/" + pick(folders))
      case 3: try folder.add(place + pick(["t.txt", "._1.jpg", "Thumbs.db"]), [1])
      default: try folder.add(place + "\(number)" + pick([".jpg", ".PNG", ".jpeg"]), [1, 2])
      }
    }
    return folder
  }

  @Test(arguments: 0..<12 as Range<UInt64>)
  func labelledAndUnlabelledWalksFindTheSame(seed: UInt64) throws {
    let folder = try randomSet(seed: seed)
    let labelled = try ClassFolders.scan(folder.path)
    #expect(try Set(paths(folder)) == Set(labelled.samples.map(\.path)))
    #expect(try paths(folder) == labelled.samples.map(\.path).sorted(by: bytesPrecede))
    #expect(try FolderImages.scan(folder.path).leftOut.kinds == labelled.leftOut.kinds)
  }

  @Test func whatDevicesAndArchivesLeaveIsNoData() throws {
    let folder = try TemporaryFolder([
      "1.jpg": 1, "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg": 1, "__MACOSX/1.jpg": 1, "._1.jpg": 1,
      "Thumbs.db": 1, "#recycle/2.jpg": 1, "a/@eaDir/1.jpg": 1, "a/.thumbs/1.jpg": 1,
      "000.jpg/3.jpg": 1, "Icon\r": 1, "ehthumbs_vista.db": 1, "Picasa.ini": 1,
      "RECYCLER/S-1-5/1.jpg": 1, "Network Trash Folder/1.jpg": 1, "LOST.DIR/7": 1,
    ])
    #expect(try paths(folder) == ["000.jpg/3.jpg", "1.jpg"])
    let leftOut = try FolderImages.scan(folder.path).leftOut
    #expect(leftOut.kinds == ["by-products of a system": 11, "hidden": 2])
  }

  @Test func linksAreFollowedAndBrokenOnesListed() throws {
    let folder = try TemporaryFolder(["a/1.jpg": 3])
    let elsewhere = try TemporaryFolder(["2.jpg": 4])
    try folder.addLink("b", to: elsewhere.path)
    try folder.addLink("a/up", to: "..")
    try folder.addLink("a/9.jpg", to: "nowhere")
    try folder.addLink("a/9.txt", to: "nowhere")
    let found = try FolderImages.scan(folder.path)
    #expect(try paths(folder) == ["a/1.jpg", "a/9.jpg", "b/2.jpg"])
    #expect(found.samples.map(\.bytes) == [3, 0, 4])
    #expect(
      found.leftOut.kinds == ["links back to a folder around them": 1, "broken links": 1])
  }

  @Test func pipesAreLeftOut() throws {
    let folder = try TemporaryFolder(["a/1.jpg": 1, "b/1.jpg": 1])
    try #require(mkfifo(folder.path + "/a/2.jpg", 0o600) == 0)
    #expect(try ClassFolders.scan(folder.path).leftOut.kinds == ["neither files nor folders": 1])
    let error = #expect(throws: DatasetError.self) {
      try ImageSource(root: folder.path).bytes(of: Sample(path: "a/2.jpg", label: 0, bytes: 0))
    }
    #expect(error?.reason == "cannot be used: it is not a file")
  }

  /// Makes a file or folder whose name is Latin-1.
  private func addLatin(_ folder: TemporaryFolder, _ place: String, _ end: String, isFolder: Bool) {
    let bytes = Array("\(folder.path)/\(place)caf".utf8) + [0xE9] + Array(end.utf8) + [0]
    let name = bytes.map(CChar.init(bitPattern:))
    #expect(isFolder ? mkdir(name, 0o700) == 0 : creat(name, 0o600) >= 0)
  }

  @Test(arguments: [("", true), (".jpg", false)])
  func aNameThatIsNoTextIsRefused(end: String, isFolder: Bool) throws {
    let folder = try TemporaryFolder(["a/1.jpg": 1, "b/1.jpg": 1])
    addLatin(folder, "b/", end, isFolder: isFolder)
    for scan in [
      { _ = try ClassFolders.scan(folder.path) }, { _ = try FolderImages.scan(folder.path) },
    ] {
      let error = #expect(throws: DatasetError.self, performing: scan)
      #expect(error?.kind == .invalid)
      #expect(
        error?.description.hasPrefix(
          "the name 'caf\\xe9\(end)' in the folder \(folder.path)/b is not UTF-8; rename") == true)
    }
  }

  @Test func aNameThatIsNoTextMayBeThatOfANote() throws {
    let folder = try TemporaryFolder(["a/1.jpg": 1])
    addLatin(folder, "a/", ".txt", isFolder: false)
    let leftOut = try FolderImages.scan(folder.path).leftOut
    #expect(leftOut.examples == [".txt": ["\(folder.path)/a/caf\\xe9.txt"]])
  }

  @Test func aFolderThatCannotBeReadIsNamed() throws {
    let folder = try TemporaryFolder(["a/1.jpg": 1, "b/1.jpg": 1, "b/shut/2.jpg": 1])
    chmod(folder.path + "/b/shut", 0)
    defer { chmod(folder.path + "/b/shut", 0o700) }
    for scan in [
      { _ = try ClassFolders.scan(folder.path) }, { _ = try FolderImages.scan(folder.path) },
    ] {
      let error = #expect(throws: DatasetError.self) { try asNobody(scan) }
      #expect(error?.kind == .missing)
      #expect(
        error?.description
          == "the folder \(folder.path)/b/shut cannot be read (Permission denied); "
          + "check its permissions")
    }
  }

  /// Runs `body` with the rights that anybody has to files, also where the tests are run by root.
  private func asNobody(_ body: () throws -> Void) throws {
    typealias Change = @convention(c) (uid_t) -> Int32
    let change = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: Change.self)
    guard getuid() == 0 else { return try body() }
    _ = change(65_534)
    defer { _ = change(0) }
    try body()
  }

  private static let gif = Array("GIF89a".utf8)
  private static let heic = Array("\0\0\0\u{18}ftypheic".utf8)

  /// Where the name says nothing, or that of a format that is not read, the content decides; a name
  /// of one that is read is enough, so that a broken image is noticed.
  @Test func contentDecidesWhereTheNameDoesNot() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b.heic", "c.AVIF", "d 2024.01.02 at noon", "e.jxl"] {
      try folder.add(name, Self.gif)
    }
    for name in [
      "f.webp", "g.gif", "h.Bmp", "i.ppm", "j.pgm", "k.pbm", "l.tif", "m.TIFF", "n.jfif",
    ] {
      try folder.add(name, [1])
    }
    for name in ["z.nef", "z.txt", "z.dng", "z.svg"] { try folder.add(name, Self.gif) }
    try folder.add("y", Self.heic)
    try folder.add("y.heic", Self.heic)
    try folder.add("README", Array("P1 is not the first line of a bitmap here".utf8))
    try folder.add("empty", [])
    #expect(
      try paths(folder) == [
        "a", "b.heic", "c.AVIF", "d 2024.01.02 at noon", "e.jxl", "f.webp", "g.gif", "h.Bmp",
        "i.ppm", "j.pgm", "k.pbm", "l.tif", "m.TIFF", "n.jfif",
      ])
    let leftOut = try FolderImages.scan(folder.path).leftOut
    #expect(
      leftOut.kinds == [
        ".nef": 1, ".txt": 1, ".dng": 1, ".svg": 1, ".heic": 1, "HEIC or AVIF files": 1,
        "other files": 2,
      ])
    #expect(leftOut.description.contains("HEIC or AVIF files to JPEG or PNG to use them, for"))
  }

  @Test func theLineNamesKindsExamplesAndTheRemedy() {
    var leftOut = LeftOut()
    for name in ["b/1.heic", "b/2.HEIC", "a/x.nef", "a/y.doc"] {
      leftOut.add(name, LeftOut.kind(ofFile: name))
    }
    #expect(
      leftOut.description
        == "left out: 2 .heic (b/1.heic, b/2.HEIC), 1 .doc (a/y.doc), 1 .nef (a/x.nef); convert "
        + ".heic, .nef to JPEG or PNG to use them, for example with `heif-convert IMAGE IMAGE.jpg` or "
        + "ImageMagick's `convert IMAGE IMAGE.jpg`")
    for number in 0..<20 { leftOut.add("\(number)", ".k\(number)") }
    for number in 0..<9 { leftOut.add("n\(number)", LeftOut.hidden) }
    #expect(leftOut.description.hasPrefix("left out: 9 hidden (n0, n1, n2, ...), 2 .heic ("))
    #expect(leftOut.count == 33 && leftOut.description.contains(", 18 of other kinds"))
    #expect(leftOut.description.contains("of other kinds"))
  }
}
