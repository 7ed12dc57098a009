import Foundation
import ImageCodecs
import ImageData
import Testing
import Training

@testable import Reports

/// What `check` says about images that have been looked at.
struct CheckReportTests {
  private func facts(
    _ digest: String, _ width: Int = 300, _ height: Int = 200, misnamed: Bool = false,
    notes: ImageNotes = ImageNotes()
  ) -> ImageFacts {
    var facts = ImageFacts(format: "JPEG", width: width, height: height, digest: digest)
    (facts.isMisnamed, facts.notes) = (misnamed, notes)
    return facts
  }

  private func report(
    _ images: [(path: String, label: Int, part: Part, facts: ImageFacts?)],
    near: [NearGroup]? = nil
  ) -> CheckReport {
    let checked = images.map { image in
      CheckedImage(
        Sample(path: image.path, label: image.label, bytes: 9), image.part,
        image.facts.map { .success($0) } ?? .failure(DatasetError(.invalid, "is\nbroken")))
    }
    func samples(_ part: Part) -> [Sample] {
      checked.filter { $0.part == part }.map(\.sample)
    }
    return CheckReport(
      "set",
      DatasetManifest(
        classes: ["a", "b"], train: samples(.train), validation: samples(.validation),
        test: samples(.test)), checked, near: near)
  }

  private func found(_ report: CheckReport) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: report.findings.map { ($0.kind, $0.count) })
  }

  @Test func aGoodSetIsWithoutFindings() {
    let report = report([
      ("a/1.jpg", 0, .train, facts("1")), ("b/1.jpg", 1, .train, facts("2")),
    ])
    #expect(report.findings == [] && !report.fails)
    #expect(
      report.text == """
        set: 2 images of 2 classes, 2 can be used

        class       train
        a               1
        b               1

        nothing is wrong
        """)
  }

  @Test func everyKindIsFoundOnce() {
    let report = report(
      [
        ("a/1.jpg", 0, .train, facts("1")), ("a/2.jpg", 0, .train, facts("1")),
        ("b/3.jpg", 1, .train, facts("1")), ("v/4.jpg", 0, .validation, facts("1")),
        ("a/5.png", 0, .train, facts("5", misnamed: true)),
        ("a/6.jpg", 0, .train, facts("6", notes: ImageNotes(isTurned: true))),
        ("a/7.jpg", 0, .train, facts("7", notes: ImageNotes(isDeepGrey: true))),
        ("a/8.jpg", 0, .train, facts("8", 63, 64)), ("a/9.jpg", 0, .train, facts("9", 401, 100)),
        ("b/a\u{1b}.jpg", 1, .train, facts("10")), ("b/a:b.jpg", 1, .train, facts("11")),
        ("b/nul.jpg", 1, .train, facts("12")), ("b/A.jpg", 1, .train, facts("13")),
        ("b/a.JPG", 1, .train, facts("14")),
        ("b/\(String(repeating: "x", count: 144))", 1, .train, facts("15")),
        ("b/0.jpg", 1, .train, nil), ("v/16.jpg", 1, .validation, facts("16")),
      ],
      near: [
        nearGroup([(0, 1, 1), (1, 0, 1), (16, 0, 0.98)])
      ])
    #expect(
      found(report) == [
        "unusable": 1, "duplicates": 1, "duplicates_across_classes": 1,
        "duplicates_across_parts": 1, "extension": 1, "orientation": 1, "deep_grey": 1,
        "small": 1, "long": 1, "control_characters": 1, "reserved_names": 2,
        "case_collisions": 1, "long_names": 1, "near_duplicates": 1,
      ])
    #expect(report.fails && report.findings[0].kind == "unusable")
    let lines = report.text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 79 }, "\(lines.filter { $0.count > 79 })")
    #expect(report.text.contains("  v/16.jpg ~ a/1.jpg (0.980, in train)"))
    #expect(report.text.contains("  b/0.jpg: is\\u{a}broken\n"))
    #expect(!report.text.contains("\u{1b}") && !report.json.contains("\u{1b}"))
  }

  @Test func unequalClassesAreFound() {
    let images = (0..<12).map { ("a/\($0).jpg", 0, Part.train, facts("\($0)") as ImageFacts?) }
    let report = report(
      images + [("b/1.jpg", 1, .train, facts("b")), ("a/v.jpg", 0, .validation, facts("v"))])
    #expect(found(report) == ["classes": 2] && !report.fails)
    #expect(report.text.contains("no validation images of 'b'"))
  }

  @Test func jsonSaysTheSame() throws {
    let json = report([
      ("a/1.jpg", 0, .train, facts("1")), ("b/1.jpg", 1, .validation, nil),
    ]).json
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(object["images"] as? Int == 2 && object["usable"] as? Int == 1)
    #expect(object["fails"] as? Bool == true)
    let classes = try #require(object["classes"] as? [[String: Any]])
    #expect(classes.map { $0["train"] as? Int } == [1, 0])
    #expect(classes.map { $0["validation"] as? Int } == [0, 1])
  }

  /// Unusable images are not in it; a set in one piece has no parts.
  @Test func theTableIsOneThatIsTaken() throws {
    let images: [(path: String, label: Int, part: Part, facts: ImageFacts?)] = [
      ("a/\u{1b}\",1.jpg", 0, .train, facts(String(repeating: "0", count: 64))),
      ("b/1.jpg", 1, .train, facts(String(repeating: "1", count: 64))),
      ("b/2.jpg", 1, .train, nil),
    ]
    func rows(_ report: CheckReport) throws -> [ManifestFile.Row] {
      try ManifestFile(Array(report.table { "x/" + $0.path }.utf8), path: "t").rows
    }
    let whole = try rows(report(images))
    #expect(whole.map(\.path) == ["x/a/\u{1b}\",1.jpg", "x/b/1.jpg"])
    #expect(whole.map(\.label) == ["a", "b"] && whole.allSatisfy { $0.part == nil })
    #expect(whole[1].digest == String(repeating: "1", count: 64))
    let parts = try rows(report(images + [("b/3.jpg", 1, .test, facts(whole[0].digest ?? ""))]))
    #expect(parts.map(\.part) == [.train, .train, .test])
  }

  @Test func longLinesAreBroken() {
    let words = (0..<60).map { "word\($0)" }.joined(separator: " ")
    for text in [words, String(repeating: "x", count: 300), "short", ""] {
      let lines = CheckReport.wrapped(text, indent: 2)
      #expect(lines.allSatisfy { $0.count <= 79 && $0.hasPrefix("  ") })
      let letters = lines.joined().filter { $0 != " " }
      #expect(letters == text.filter { $0 != " " })
    }
  }
}
