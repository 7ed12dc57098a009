import Foundation
import ImageCodecs
import Testing

@testable import DemoFigures

@Suite struct ImageSetTests {
  @Test func writesEveryImageOfEveryClass() throws {
    try withFolder { root in
      try writeImageSet(
        to: root, set: .backboneTraining, trainPerClass: 2, validationPerClass: 1, seed: 0)
      for kind in DemoSet.backboneTraining.kinds {
        #expect(try names(root, "train", kind) == ["0000.jpg", "0001.jpg"])
        #expect(try names(root, "validation", kind) == ["0000.jpg"])
      }
    }
  }

  @Test func filesHoldTheDrawnImages() throws {
    try withFolder { root in
      try writeSmallSet(to: root)
      for kind in DemoSet.demo.kinds {
        let path = "\(root)/train/\(kind.className)/0000.jpg"
        let decoded = try decodeImage([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        let drawn = drawFigure(kind: kind, seed: 0, index: 0)
        #expect(decoded.width == drawn.width && decoded.height == drawn.height)
        let differences = zip(drawn.pixels, decoded.pixels).map { abs(Int($0) - Int($1)) }
        #expect(differences.reduce(0, +) < 15 * differences.count)
      }
    }
  }

  @Test func bytesDependOnTheSeedAlone() throws {
    let first = try bytes(train: 3, validation: 2, seed: 9)
    #expect(try bytes(train: 3, validation: 2, seed: 9) == first)
    #expect(try bytes(train: 3, validation: 2, seed: 10) != first)
    #expect(Set(first.values).count == first.count)
  }

  @Test func aLargerSetStartsWithASmallerOne() throws {
    let small = try bytes(train: 1, validation: 1, seed: 4)
    let large = try bytes(train: 3, validation: 2, seed: 4)
    #expect(small.allSatisfy { large[$0.key] == $0.value })
  }

  @Test func refusesAFolderWithContents() throws {
    try withFolder { root in
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: root + "/.kept"))
      let error = #expect(throws: ImageSetError.self) { try writeSmallSet(to: root) }
      #expect(error?.description.contains("\(root) is not empty") == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: root) == [".kept"])
    }
  }

  @Test func acceptsAnEmptyFolder() throws {
    try withFolder { root in
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      try writeSmallSet(to: root)
      #expect(try names(root, "train", .alien) == ["0000.jpg"])
    }
  }

  @Test func refusesAFile() throws {
    try withFolder { root in
      try Data("kept".utf8).write(to: URL(fileURLWithPath: root))
      let error = #expect(throws: ImageSetError.self) { try writeSmallSet(to: root) }
      #expect(error?.description.contains("\(root) is a file") == true)
      #expect(try String(contentsOfFile: root, encoding: .utf8) == "kept")
    }
  }

  @Test func namesAFolderThatCannotBeMade() throws {
    try withFolder { root in
      try Data().write(to: URL(fileURLWithPath: root))
      let error = #expect(throws: ImageSetError.self) { try writeSmallSet(to: root + "/inside") }
      #expect(error?.description.contains("\(root)/inside") == true)
      #expect(error?.description.contains("Not a directory") == true)
    }
  }

  @Test func refusesNegativeNumbers() throws {
    try withFolder { root in
      let error = #expect(throws: ImageSetError.self) {
        try writeImageSet(
          to: root, set: .demo, trainPerClass: 1, validationPerClass: -2, seed: 0)
      }
      #expect(error?.description.contains("-2") == true)
      #expect(!FileManager.default.fileExists(atPath: root))
    }
  }

  private func writeSmallSet(to root: String) throws {
    try writeImageSet(to: root, set: .demo, trainPerClass: 1, validationPerClass: 1, seed: 0)
  }

  private func names(_ root: String, _ part: String, _ kind: FigureKind) throws -> [String] {
    let folder = "\(root)/\(part)/\(kind.className)"
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// The bytes of every file of a demo set, by path relative to its root.
  private func bytes(train: Int, validation: Int, seed: UInt64) throws -> [String: Data] {
    try withFolder { root in
      try writeImageSet(
        to: root, set: .demo, trainPerClass: train, validationPerClass: validation, seed: seed)
      let paths = try FileManager.default.subpathsOfDirectory(atPath: root)
      let files = try paths.filter { $0.hasSuffix(".jpg") }.map { path in
        (path, try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(path)")))
      }
      return Dictionary(uniqueKeysWithValues: files)
    }
  }

  /// Gives `body` a path where nothing is yet, and removes what it left there.
  private func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let root = NSTemporaryDirectory() + "demo-figures-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: root) }
    return try body(root)
  }
}
