import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// What a person reads holds nothing of the inside of Swift or Foundation.
struct ErrorReasonTests {
  private func failure(_ body: () throws -> Void) throws -> String {
    do { try body() } catch { return reason(of: error) }
    throw FileError(.damaged, "test", "nothing failed")
  }

  @Test func theSystemsReasonsAreItsOwnWords() throws {
    let files = FileManager.default
    let file = files.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data().write(to: file)
    defer { try? files.removeItem(at: file) }
    let missing = file.path + ".missing"
    #expect(
      try failure { _ = try Data(contentsOf: URL(fileURLWithPath: missing)) }
        == "No such file or directory")
    #expect(
      try failure { _ = try Data(contentsOf: files.temporaryDirectory) } == "Is a directory")
    #expect(
      try failure { _ = try files.contentsOfDirectory(atPath: file.path) } == "Not a directory")
    let below = file.path + "/folder"
    #expect(
      try failure {
        try files.createDirectory(atPath: below, withIntermediateDirectories: true)
      } == "Not a directory")
    #expect(
      try failure {
        try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
          .write(contentsOf: Data([1]))
      } == "No space left on device")
  }

  private struct Record: Codable {
    struct Inner: Codable { let count: Int }
    let inner: Inner
  }

  @Test(arguments: [
    ("", "it is no whole JSON text"), ("{", "it is no whole JSON text"),
    ("{}", "\"inner\" is missing"), ("[]", "the whole text has a value of another kind"),
    ("{\"inner\":{}}", "\"inner.count\" is missing"),
    ("{\"inner\":{\"count\":\"x\"}}", "\"inner.count\" has a value of another kind"),
    ("{\"inner\":{\"count\":null}}", "\"inner.count\" has no value"),
  ])
  func wrongContentIsToldByTheNamesInIt(text: String, expected: String) throws {
    #expect(
      try failure { _ = try JSONDecoder().decode(Record.self, from: Data(text.utf8)) } == expected)
  }

  @Test func ownErrorsSpeakForThemselves() {
    #expect(reason(of: FileError(.damaged, "a.h5", "is damaged")) == "a.h5: is damaged")
  }
}
