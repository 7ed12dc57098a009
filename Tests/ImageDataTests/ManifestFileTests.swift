import FileIO
import Foundation
import Testing

@testable import ImageData

/// Tables of images as people and programs write them, and as they should not be.
struct ManifestFileTests {
  private func rows(_ text: String) throws -> [ManifestFile.Row] {
    try ManifestFile(Array(text.utf8), path: "t").rows
  }

  private func reason(_ bytes: [UInt8]) -> String {
    do {
      _ = try ManifestFile(bytes, path: "t")
      return "none"
    } catch { return error.description }
  }

  private func reason(_ text: String) -> String { reason(Array(text.utf8)) }

  private static let digest = String(repeating: "0aF", count: 21) + "1"

  @Test func allKindsSayTheSame() throws {
    let expected = [
      ManifestFile.Row(
        line: 2, path: "a, \"b\"\n.jpg", label: "cat", part: .train, group: "7",
        digest: Self.digest.lowercased()),
      ManifestFile.Row(
        line: 4, path: "/x/y.png", label: "dög", part: .validation, group: nil, digest: nil),
    ]
    for delimiter in [",", "\t", ";"] {
      for end in ["\n", "\r\n"] {
        let lines = [
          "bytes,path,label,sha256,part,group",
          "1,\"a, \"\"b\"\"\n.jpg\",cat,\(Self.digest),train,7", "2,/x/y.png,\"dög\",,val,",
        ]
        var text = lines.joined(separator: end)
        if delimiter != "," {
          text = text.replacingOccurrences(of: ",", with: delimiter)
            .replacingOccurrences(of: "a\(delimiter) ", with: "a, ")
        }
        #expect(try rows(text) == expected)
        #expect(try rows("\u{feff}" + text + end + end) == expected)
      }
    }
    let objects = """

      {"path": "a, \\"b\\"\\n.jpg", "label": "cat", "sha256": "\(Self.digest)", "part": "train",
      """.trimmingCharacters(in: .newlines)
    let text =
      "\n" + objects + "\"group\": 7, \"other\": [1, {}]}\r\n\n"
      + "{\"path\": \"/x/y.png\", \"label\": \"dög\", \"part\": \"valid\", \"group\": null}"
    #expect(try rows(text) == expected)
  }

  @Test func aMinimalTableHasPathsAlone() throws {
    #expect(try rows("path\na b.jpg\n 5\" disk.jpg\n").map(\.path) == ["a b.jpg", " 5\" disk.jpg"])
    #expect(try rows("path\n") == [])
    #expect(try rows("{\"path\":\"a\",\"label\":12}").first?.label == "12")
  }

  /// Each reason names the line in which the row begins.
  @Test func whatIsWrongIsSaidWithItsLine() {
    #expect(reason("") == "t, line 1: the file is empty")
    #expect(
      reason("\n\nfile,class\n1,2")
        == "t, line 3: no column 'path' among \"file\", \"class\"; the first line names the columns: path, label and, where you have them, part, group, sha256"
    )
    #expect(reason("path,label,path\n").hasSuffix("line 1: two columns 'path'"))
    #expect(reason("path,label\na,b\nc\n").hasSuffix("line 3: 1 fields; the first line has 2"))
    #expect(reason("path,label\n\"a\nb\",x\n,y\n").hasSuffix("line 4: no path"))
    #expect(
      reason("path,label\n\"a\"b,x").hasSuffix("line 2: text behind a closing quotation mark"))
    #expect(
      reason("path,label\na,x\n\"b,x\n\n").hasSuffix(
        "line 3: a quotation mark that is not closed within 65536 bytes"))
    #expect(
      reason("path,part\na,dev\n").hasSuffix(
        "line 2: the part \"dev\" is none of train, validation and test"))
    #expect(reason("path,sha256\na,12\n").hasSuffix("line 2: sha256 is not 64 hexadecimal digits"))
    #expect(reason("path,label\na\0,x\n").hasSuffix("line 2: a zero byte in path"))
    #expect(reason(Array("path\n".utf8) + [0xE9]).hasSuffix("line 2: a field that is not UTF-8"))
    #expect(reason([0xFF, 0xFE, 0x70, 0]).contains("line 1: a field that is not UTF-8"))
    let long = String(repeating: "x", count: 4097)
    #expect(reason("path\n\(long)").hasSuffix("a path of 4097 bytes; at most 4096 are possible"))
    #expect(reason("path,label\na,\(long)").hasSuffix("label has 4097 bytes; at most 255 may be"))
    let field = String(repeating: "x", count: 70_000)
    #expect(reason("path\n\(field)").hasSuffix("line 2: a field of 70000 bytes"))
    #expect(reason("path\n\"\(field)\"").contains("not closed within"))
    #expect(reason(String(repeating: ",", count: 2000)).hasSuffix("more than 1000 fields"))
    #expect(reason("{\"path\":\"a\"}\n{\"path\":\"a\"").contains("t, line 2: "))
    #expect(reason("{\"path\":1}").contains("\"path\" must be a text"))
    #expect(reason("{\"path\":\"a\",\"path\":\"b\"}").contains("\"path\" twice"))
    #expect(reason("{\"label\":\"a\"}").hasSuffix("line 1: no path"))
    #expect(reason("{\"path\":\"a\",\"label\":1.5}").contains("not a whole number"))
    #expect(reason(String(repeating: "{\"path\":", count: 100)).contains("must be a text"))
    #expect(reason("{\"x\":" + String(repeating: "[", count: 100)).contains("nested too deeply"))
  }

  /// Whatever the bytes are, it is rows or a reason.
  @Test(arguments: 0..<8) func damageIsFoundOrHarmless(seed: UInt64) throws {
    let whole = [
      Array("path,label,part\n\"a,\"\"b\"\"\",cat,train\nc.jpg,dog,test\n".utf8),
      Array("{\"path\":\"a\",\"label\":\"b\"}\n{\"path\":\"\\u00e9\",\"group\":7}\n".utf8),
    ]
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<500 {
      var bytes = whole[next(2)]
      for _ in 0...next(4) {
        switch next(3) {
        case 0: bytes[next(bytes.count)] = UInt8(next(256))
        case 1: bytes.insert(Array("\",\n\t{}\0\\;".utf8)[next(9)], at: next(bytes.count))
        default: bytes.removeLast(next(bytes.count / 2))
        }
      }
      #expect(reason(bytes).contains("t, line ") || reason(bytes) == "none")
    }
  }

  // MARK: Sets

  private func scan(
    _ text: String, in folder: TemporaryFolder, _ wish: PartWish = PartWish()
  ) throws -> DatasetManifest {
    try folder.add("t.csv", Array(text.utf8))
    return try DatasetManifest.scan(ManifestFile(path: folder.path + "/t.csv"), wish)
  }

  private func images() throws -> TemporaryFolder {
    try TemporaryFolder(["a/1.jpg": 1, "a/2.jpg": 2, "b/1.jpg": 3, "b/2.jpg": 4, "c d.jpg": 5])
  }

  @Test func aSetIsListedInItsOwnOrder() throws {
    let folder = try images()
    let elsewhere = try TemporaryFolder(["x.jpg": 6])
    let set = try scan(
      """
      path,label,part,sha256
      b/2.jpg,b,validation,
      c d.jpg,a,train,\(Self.digest)
      a/2.jpg,a,validation,
      b/1.jpg,b,train,
      \(elsewhere.path)/x.jpg,b,train,
      ./a/../a/1.jpg,a,test,
      """, in: folder)
    #expect(set.classes == ["a", "b"])
    #expect(
      set.train == [
        Sample(path: "c d.jpg", label: 0, bytes: 5, digest: Self.digest.lowercased()),
        Sample(path: elsewhere.path + "/x.jpg", label: 1, bytes: 6),
        Sample(path: "b/1.jpg", label: 1, bytes: 3),
      ])
    #expect(set.validation.map(\.path) == ["a/2.jpg", "b/2.jpg"])
    #expect(set.test.map(\.path) == ["./a/../a/1.jpg"])
    #expect(DatasetManifest.unreadable(samples: set.train, root: folder.path).isEmpty)
    let image = try ImageSource(root: folder.path).bytes(of: set.train[1])
    #expect(image.count == 6)
  }

  @Test func groupsStayTogether() throws {
    let folder = try TemporaryFolder()
    var text = "path,label,group\n"
    for number in 0..<200 {
      try folder.add("\(number).jpg", [1])
      text += "\(number).jpg,\(number % 2 == 0 ? "a" : "b"),p\(number / 8)\n"
    }
    let wish = PartWish(shares: PartShares(validation: 0.3, test: 0.2))
    let set = try scan(text, in: folder, wish)
    let parts = Part.allCases.map { part in
      Set(set[part].compactMap { Int($0.path.dropLast(4)).map { $0 / 8 } })
    }
    #expect(parts.map(\.count).reduce(0, +) == 25 && parts.allSatisfy { !$0.isEmpty })
    #expect(Part.allCases.map { set[$0].count }.reduce(0, +) == 200)
  }

  @Test func rowsThatDoNotFitAreNamed() throws {
    let folder = try images()
    func reason(_ text: String, _ wish: PartWish = PartWish()) -> String {
      do {
        _ = try scan(text, in: folder, wish)
        return "none"
      } catch { return "\(error)" }
    }
    let draw = PartWish(shares: PartShares(validation: 0.5))
    #expect(reason("path,label\na/1.jpg,\n").hasSuffix("line 2: no label"))
    #expect(
      reason("path,label\na/1.jpg,a\na/1.jpg,b").hasSuffix("line 3: the image of line 2 again"))
    #expect(
      reason("path,label,part\na/1.jpg,a,train\nb/1.jpg,b,").contains(
        "line 3: no part, and one in line 2"))
    #expect(
      reason("path,label,part,group\na/1.jpg,a,train,g\nb/1.jpg,b,test,g").contains(
        "line 3: the group \"g\" in the part test, and in line 2 in another"))
    #expect(reason("path,label\na/1.jpg,a").contains("only the class 'a'"))
    #expect(reason("path,label\n").contains("names no class"))
    #expect(reason("path,label\na/1.jpg,a\nb/1.jpg,b").contains("has no validation images"))
    #expect(
      reason("path,label,part\na/1.jpg,a,train\nb/1.jpg,b,val").contains(
        "has no training images of the class 'b'"))
    #expect(
      reason("path,label,part\na/1.jpg,a,train\nb/1.jpg,b,val", draw).contains("training images"))
    let missing = reason("path,label\na/9.jpg,a\na,b\nb/1.jpg,b", draw)
    #expect(missing.hasPrefix("2 of 3 images of \(folder.path)/t.csv cannot be used"))
    #expect(missing.contains("line 2: \(folder.path)/a/9.jpg (No such file or directory)"))
    #expect(missing.contains("line 3: \(folder.path)/a is not a file"))
    #expect(reason("path,label\na/1.jpg,e\u{301}\nb/1.jpg,\u{e9}", draw).contains("same letters"))
  }

  @Test func aFileThatIsNotThereIsMissing() {
    let error = #expect(throws: DatasetError.self) { try ManifestFile(path: "/nowhere/t.csv") }
    #expect(error?.kind == .missing)
  }
}
