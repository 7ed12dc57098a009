import Foundation
import Testing

@testable import Reports

/// What is printed and shown about images with any names and any number of classes.
struct PredictionTests {
  /// Controls of both kinds, turning and invisible marks, separators, one beyond 16 bits.
  private let hostile = "a\u{9b}2J\u{202e}\u{2028}\u{e0041}\u{1b}\u{7f}\n\t\"\\/é\u{feff}"

  private func acts(_ text: String) -> Bool {
    text.unicodeScalars.contains {
      [.control, .format, .lineSeparator].contains($0.properties.generalCategory)
    }
  }

  private func object(_ json: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  /// Also where it would be rounded to that.
  @Test func onlyCertaintyIsAHundredPercent() {
    for (share, text) in [(0.9994, "99.9"), (0.99999, "99.9"), (1, "100.0"), (0.0004, "0.0")] {
      #expect(percent(share) == text)
    }
  }

  @Test func jsonSaysTheSameAndActsOnNothing() throws {
    let names = ClassNames([hostile, "b", "b", ""])
    let json = Prediction(image: hostile, classes: names, probabilities: [0.25, 1e-20, 0.5, .nan])
      .json()
    #expect(!acts(json), "\(json)")
    let read = try object(json)
    #expect(read["image"] as? String == hostile)
    #expect(read["predicted"] as? String == "b")
    #expect(read["classes"] as? [String] == [hostile, "b", "b", ""])
    let shares = try #require(read["probabilities"] as? [String: Any])
    #expect(shares[hostile] as? Double == 0.25 && shares["b"] as? Double == 1e-20)
    #expect(shares[""] is NSNull && shares.count == 3)
    let failed = failureJSON(image: hostile, error: hostile)
    #expect(!acts(failed))
    #expect(try object(failed) as? [String: String] == ["image": hostile, "error": hostile])
  }

  @Test func theLikeliestAreThoseOfAWholeSort() {
    var state: UInt64 = 12
    for count in [1, 2, 3, 5, 40] {
      let shares = (0..<count).map { _ -> Double in
        state = state &* 6_364_136_223_846_793_005 &+ 1
        return Double(state >> 60) / 16
      }
      let names = ClassNames((0..<count).map { "\($0)" })
      let prediction = Prediction(image: "", classes: names, probabilities: shares)
      let sorted = shares.indices.sorted { (shares[$1], $0) < (shares[$0], $1) }.map { "\($0)" }
      for wanted in [1, 3, 5, 50] {
        #expect(prediction.top(wanted).map(\.name) == Array(sorted.prefix(wanted)))
      }
      #expect(prediction.predicted == sorted[0])
    }
  }

  @Test func theLikeliestAloneAreTold() throws {
    let names = ClassNames(["a", "b", "c"])
    let prediction = Prediction(image: "i", classes: names, probabilities: [0.25, 0.125, 0.625])
    let read = try object(prediction.json(top: 2))
    #expect(read["classes"] as? [String] == ["c", "a"])
    #expect(read["probabilities"] as? [String: Double] == ["c": 0.625, "a": 0.25])
    #expect(try object(prediction.json(top: 9))["classes"] as? [String] == ["c", "a", "b"])
    let table = PredictionTable(names: ["i"], classes: names, top: 2)
    #expect(table.header == nil && table.row(prediction) == "i  c 62.5 %, a 25.0 %")
  }

  /// The records say the same to a reader of RFC 4180, whatever names hold.
  @Test func aTableQuotesWhatItMust() {
    let names = ClassNames(["a,b", "quote\"\u{301}"])
    let table = PredictionFile(.csv, classes: names, top: nil)
    #expect(table.head == "image,error,predicted,\"a,b\",\"quote\"\"\u{301}\"\r\n")
    let prediction = Prediction(
      image: " two\nlines\r", classes: names, probabilities: [0.25, 0.75])
    #expect(
      table.record(prediction)
        == "\" two\nlines\r\",,\"quote\"\"\u{301}\",0.25,0.75\r\n")
    #expect(table.record(failed: "x", "is, not") == "x,\"is, not\",,,\r\n")
    let damaged = Prediction(image: "x", classes: names, probabilities: [.nan, .infinity])
    #expect(table.record(damaged).hasSuffix(",,\r\n"))
  }

  @Test func aTableOfTheLikeliestHasPairsOfColumns() {
    let names = ClassNames(["a", "b", "c"])
    let table = PredictionFile(.csv, classes: names, top: 2)
    #expect(
      table.head == "image,error,predicted,class_1,probability_1,class_2,probability_2\r\n")
    let prediction = Prediction(image: "i", classes: names, probabilities: [0.25, 0.125, 0.625])
    #expect(table.record(prediction) == "i,,c,c,0.625,a,0.25\r\n")
    #expect(table.record(failed: "x", "no") == "x,no,,,,,\r\n")
    // More than there are is all of them.
    #expect(PredictionFile(.csv, classes: names, top: 9).head.split(separator: ",").count == 9)
    let lines = PredictionFile(.jsonl, classes: names, top: 1)
    #expect(lines.head == "")
    #expect(lines.record(prediction) == prediction.json(top: 1) + "\n")
    #expect(lines.record(failed: "x", "no") == failureJSON(image: "x", error: "no") + "\n")
  }

  @Test func everyRowIsOneLineInItsColumns() throws {
    for count in [2, 9] {
      let classes = ClassNames([hostile] + (1..<count).map { "class \($0)" })
      let names = ["short", hostile, String(repeating: "x", count: 30)]
      let table = PredictionTable(names: names, classes: classes)
      let shares = [0.75] + Array(repeating: 0.25 / Double(count - 1), count: count - 1)
      var rows = names.map {
        table.row(Prediction(image: $0, classes: classes, probabilities: shares))
      }
      let header = table.header
      #expect((header == nil) == (count > 6))
      if let header {
        // Behind the columns stands the class.
        let width = header.count
        for row in rows { #expect(row.dropFirst(width).hasPrefix("   a\\u{9b}")) }
        rows.append(header)
      }
      rows.append(table.row(failed: hostile, "cannot be decoded:\nodd"))
      for row in rows { #expect(!acts(row), "\(row)") }
    }
  }

  /// Of 1,200 classes nobody can read a matrix, and it has 1.4 million cells.
  @Test func aPageOfManyClassesListsTheCommonestConfusions() {
    let count = 1_200
    var confusion = (0..<count).map { row in (0..<count).map { $0 == row ? 5 : 0 } }
    for index in 0..<100 { confusion[index][index + 1] = 100 - index }
    confusion[7][900] = 1_000
    let page = RunPage(
      epochs: [], best: nil, classes: (0..<count).map { "<kind \($0)>" }, facts: [],
      confusion: confusion,
      hardest: [], note: nil
    ).html
    #expect(page.utf8.count < 20_000)
    #expect(page.contains("The commonest confusions, 30 of 101:"))
    let rows = page.components(separatedBy: "<tr><th>&lt;kind ").dropFirst()
    #expect(rows.count == 30)
    #expect(rows.first?.hasPrefix("7&gt;</th><td>&lt;kind 900&gt;</td><td>1000 of 1098<") == true)
    #expect(rows.last?.hasPrefix("28&gt;</th><td>&lt;kind 29&gt;</td><td>72 of 77<") == true)
  }
}
