import FileIO
import Foundation
import ImageData
import Testing

@testable import Reports

/// Tables of predictions, and what is said about the labels in them.
@Suite struct LabelReportTests {
  /// Ten images of each of two classes; two of the first class have the other's label.
  private func table(names: [String] = ["cat", "dog, black"]) -> String {
    OutOfSampleFile.head(classes: names)
      + (0..<20).map { index in
        let truth = index / 10
        let share = index == 3 ? 0.875 : index == 7 ? 0.96875 : 0.75
        return OutOfSampleFile.record(
          image: "train/\(index).jpg", label: names[[3, 7].contains(index) ? 1 : truth],
          fold: index % 5, probabilities: truth == 0 ? [share, 1 - share] : [1 - share, share])
      }.joined()
  }

  private func report(_ text: String) throws -> LabelReport {
    LabelReport(try OutOfSampleFile(Array(text.utf8), path: "t.csv"), name: "t.csv")
  }

  @Test func whatIsWrittenIsRead() throws {
    let file = try OutOfSampleFile(Array(table().utf8), path: "t.csv")
    #expect(file.classes == ["cat", "dog, black"])
    #expect(file.images.count == 20 && file.images[19] == "train/19.jpg")
    #expect(file.labels == (0..<20).map { $0 > 9 || [3, 7].contains($0) ? 1 : 0 })
    #expect(file.probabilities[7] == [0.96875, 0.03125])
  }

  @Test func wrongLabelsAreRanked() throws {
    let issues = try report(table()).issues
    #expect(issues.map(\.image) == ["train/7.jpg", "train/3.jpg"])
    #expect(issues.map(\.rank) == [1, 2])
    #expect(issues.map(\.label) == ["dog, black", "dog, black"])
    #expect(issues.map(\.suggested) == ["cat", "cat"])
    #expect(issues[0].labelProbability == 0.03125 && issues[0].suggestedProbability == 0.96875)
  }

  @Test func theTextFitsTheScreen() throws {
    let rows = try report(table()).text(limit: 1).split(separator: "\n")
    let words = rows.map { $0.split(separator: " ").joined(separator: " ") }
    #expect(words.contains("rank image label suggested p(label) p(sugg.)"))
    #expect(words.contains("1 train/7.jpg dog, black cat 3.1 % 96.9 %"))
    #expect(words.contains("2 of 20 labels are probably wrong"))
    #expect(words.contains("estimated share of wrong labels: 10.0 %"))
    #expect(words.contains("shown: 1; --limit N shows more, --output FILE.csv has all"))
    let long = ["a", "b"].map { String(repeating: $0, count: 40) }
    let text = table(names: long).replacingOccurrences(
      of: "train/", with: "train/" + String(repeating: "folder/", count: 10))
    let lines = try report(text).text(limit: 9).split(separator: "\n")
    #expect(lines.allSatisfy { $0.count < 80 })
    #expect(lines.contains { $0.contains("/7.jpg") })
  }

  @Test func nothingToFind() throws {
    let right = table().replacingOccurrences(
      of: #"(train/[37].jpg),"dog, black""#, with: "$1,cat", options: .regularExpression)
    let text = try report(right).text(limit: 5)
    #expect(text.contains("none of 20 labels is probably wrong") && !text.contains("next:"))
  }

  @Test func theTableHasAllImages() throws {
    var reader = DelimitedReader(
      Array(try report(table()).csv.utf8), delimiter: UInt8(ascii: ","))
    var rows: [[String]] = []
    while let row = try reader.next() { rows.append(row) }
    #expect(rows.count == 21 && rows[0].last == "probably_wrong")
    #expect(
      rows[1].dropLast() == [
        "1", "train/7.jpg", "dog, black", "cat", "0.03125", "0.96875", "0.03125",
      ])
    #expect(
      rows.dropFirst().map { $0[7] } == ["true", "true"] + Array(repeating: "false", count: 18))
    #expect(rows[3...4].map { $0[1] } == ["train/0.jpg", "train/1.jpg"])
  }

  @Test func jsonHasTheIssues() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(report(table()).json.utf8)) as? [String: Any])
    #expect(Set(object.keys) == ["images", "classes", "error_share", "issues"])
    #expect(object["images"] as? Int == 20)
    let issues = try #require(object["issues"] as? [[String: Any]])
    #expect(issues.map { $0["image"] as? String } == ["train/7.jpg", "train/3.jpg"])
  }

  @Test func thePageNamesWhatItDoesNotShow() throws {
    let issues = try report(table()).issues
    let html = LabelPage.html(
      [(issues[0], .success([1, 2])), (issues[1], .failure(LabelPage.Reason("a <b>")))],
      summary: "two")
    #expect(html.contains("<img src=\"data:image/jpeg;base64,AQI=\""))
    #expect(html.contains("labelled <b>dog, black</b>, looks like <b>cat</b>"))
    #expect(html.contains("a &lt;b&gt;") && html.contains("2. train/3.jpg"))
  }

  private static let head = "image,label,fold,a,b\n"

  private static let badTables: [(text: String, message: String)] = [
    ("", "line 1: the file is empty"),
    ("image,label\nx,y\n", "line 1: the columns must be image, label, fold and one for each"),
    ("image,label,fold,a\n", "line 1: 1 columns of classes; two are the least"),
    ("image,label,fold,a,a\n", "line 1: two columns of classes have one name"),
    (head, "t.csv has no images"),
    ("\(head)x,a,0,0.5,0.5\n", "all images of t.csv have the label \"a\""),
    ("\(head)x,a,0,0.5\n", "line 2: 4 fields, where the first line has 5"),
    ("\(head)x,a,0,0.5,0.5\n\ny,c,0,1,0\n", "line 4: the label \"c\" is no class of the first"),
    ("\(head),a,0,0.5,0.5\n", "line 2: an image without a name"),
    ("\(head)x,a,0,0.5,0.5\nx,b,0,0.5,0.5\n", "line 3: the image \"x\" stands in line 2 already"),
    ("\(head)x,a,0,0.5,\n", "line 2: \"\" is no probability (of the class \"b\")"),
    ("\(head)x,a,0,nan,0.5\n", "line 2: \"nan\" is no probability (of the class \"a\")"),
    ("\(head)x,a,0,1.5,-0.5\n", "line 2: \"1.5\" is no probability"),
    ("\(head)x,a,0,0.5,0.4\n", "line 2: the probabilities add up to 0.9000, not 1"),
    ("\(head)\"x,a,0,1,0\n", "line 2: a quotation mark that is not closed"),
  ]

  @Test(arguments: badTables) func aBadTableIsNamedWithTheLine(text: String, message: String) throws
  {
    let error = #expect(throws: DatasetError.self) {
      _ = try OutOfSampleFile(Array(text.utf8), path: "t.csv")
    }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }
}
