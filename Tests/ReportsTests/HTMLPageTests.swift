import Foundation
import Testing

@testable import Reports
@testable import Training

struct HTMLPageTests {
  /// File names and class names may hold anything.
  @Test func nothingInATextIsMarkup() {
    #expect(HTMLPage.escaped("<a b=\"c\">&") == "&lt;a b=&quot;c&quot;&gt;&amp;")
    // With an accent behind it a sign is another character, but to a browser still the same sign.
    for sign in ["<", ">", "\"", "'", "&"] {
      let html = HTMLPage.escaped("\(sign)\u{301}")
      #expect(!html.unicodeScalars.dropFirst().contains { "<>\"'".unicodeScalars.contains($0) })
      #expect(html.hasPrefix("&") && html.unicodeScalars.contains(";"), "\(html)")
    }
    #expect(HTMLPage.escaped("Grün 👩‍🚀") == "Grün 👩‍🚀")
  }

  /// A file, a class or a setting of that name stands on every page as text.
  @Test func noPageTakesANameForMarkup() throws {
    let name = "<b>\"&'"
    let names = ClassNames([name, "other"])
    let prediction = Prediction(image: name, classes: names, probabilities: [0.25, 0.75])
    let predictions = PredictionPage(count: 2, backbone: name)
    let metrics = EpochMetrics(
      epoch: 1, trainLoss: 0, trainAccuracy: 0, validationLoss: 0, validationAccuracy: 0,
      skipped: [name])
    func run(_ confusion: [[Int]]?, _ classes: [String]) -> String {
      RunPage(
        epochs: [metrics], best: metrics, classes: classes, facts: [(name, name)],
        confusion: confusion,
        hardest: [.init(path: name, truth: name, prediction: prediction, jpeg: [1])], note: name
      ).html
    }
    let many = (0..<60).map { "\(name)\($0)" }
    var confusion = many.map { _ in many.map { _ in 0 } }
    confusion[0][1] = 3
    let pages = [
      predictions.head + predictions.card(prediction, jpeg: [1])
        + predictions.card(failed: name, name) + predictions.tail,
      PreviewPage.html(
        [.init(path: name, label: name, plain: [1], variations: [[1]])], settings: name),
      run([[1, 2], [3, 4]], [name, "other"]), run(confusion, many), run(nil, [name]),
    ]
    for (page, least) in zip(pages, [6, 3, 6, 6, 4]) {
      #expect(!page.contains("<b>"), "\(page.prefix { $0 != "\n" })")
      #expect(!page.contains("\"&'"))
      let count = page.components(separatedBy: "&lt;b&gt;&quot;&amp;&#39;").count - 1
      #expect(count >= least, "\(count)")
    }
  }
}
