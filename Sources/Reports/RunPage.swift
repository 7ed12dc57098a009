import Foundation
import Training

/// One run as a self-contained HTML page: its curves, how the best head does on the validation
/// images, and the images that it finds hardest.
package struct RunPage {
  /// A validation image with its class and what the head says.
  package struct Image: Sendable {
    let path: String
    let truth: String
    let prediction: Prediction
    /// The image beside its heat map.
    let jpeg: [UInt8]

    /// An image of the page.
    package init(path: String, truth: String, prediction: Prediction, jpeg: [UInt8]) {
      self.path = path
      self.truth = truth
      self.prediction = prediction
      self.jpeg = jpeg
    }
  }

  /// The completed epochs, in order.
  private let epochs: [EpochMetrics]
  private let best: EpochMetrics?
  private let classes: [String]
  private let facts: [(name: String, value: String)]
  private let confusion: [[Int]]?
  private let hardest: [Image]
  private let ranks: RankTable
  private let note: String?

  /// Puts a page together.
  ///
  /// - Parameters:
  ///   - best: the best of the epochs.
  ///   - facts: what else to say about the run, as a table.
  ///   - confusion: `confusion[label][prediction]` of the best head on the validation images; nil
  ///     where they or the backbone are not at hand.
  ///   - hardest: images to show, the hardest first.
  ///   - ranks: what each rank did.
  ///   - note: why `confusion` is missing, where it is.
  package init(
    epochs: [EpochMetrics], best: EpochMetrics?, classes: [String],
    facts: [(name: String, value: String)],
    confusion: [[Int]]?, hardest: [Image], ranks: RankTable = RankTable(),
    note: String?
  ) {
    self.epochs = epochs
    self.best = best
    self.classes = classes
    self.facts = facts
    self.confusion = confusion
    self.hardest = hardest
    self.ranks = ranks
    self.note = note
  }

  /// The page.
  package var html: String {
    let sections = [
      charts, confusion.map(matrix), note.map { "<p class=\"note\">\(HTMLPage.escaped($0))</p>" },
      hardest.isEmpty ? nil : gallery, ranks.html, settings,
    ]
    return HTMLPage.text(
      title: "Training run", facts: summary,
      body: sections.compactMap { $0 }.joined(separator: "\n"),
      style: [
        LineChart.style, ImageCard.style, ImageCard.heatMapStyle, RankTable.style, Self.style,
      ]
      .joined(separator: "\n"))
  }

  private var summary: String {
    guard let last = epochs.last, let best else { return "No epoch is complete yet." }
    return String(
      format: "%d %@: validation accuracy %.3f, best %.3f after epoch %d", epochs.count,
      epochs.count == 1 ? "epoch" : "epochs", last.validationAccuracy, best.validationAccuracy,
      best.epoch)
  }

  private var charts: String? {
    guard !epochs.isEmpty else { return nil }
    func series(_ train: (EpochMetrics) -> Double, _ validation: (EpochMetrics) -> Double)
      -> [LineChart.Series]
    {
      [
        .init(name: "training", colour: "--second", values: epochs.map(train)),
        .init(name: "validation", colour: "--accent", values: epochs.map(validation)),
      ]
    }
    let loss = LineChart(
      title: "Loss (cross-entropy) by epoch", epochs: epochs.map(\.epoch),
      series: series(\.trainLoss, \.validationLoss),
      lowest: 0)
    let accuracy = LineChart(
      title: "Accuracy by epoch", epochs: epochs.map(\.epoch),
      series: series(\.trainAccuracy, \.validationAccuracy),
      highest: 1)
    return "<div class=\"charts\">\n\(loss.html)\n\(accuracy.html)\n</div>"
  }

  /// How many classes the whole matrix is shown for, and how many rows of the list for more.
  private static let matrixLimit = 30

  /// What the images of each class are taken for.
  private func matrix(_ confusion: [[Int]]) -> String {
    let count = confusion.reduce(0) { $0 + $1.reduce(0, +) }
    let right = classes.indices.reduce(0) { $0 + confusion[$1][$1] }
    return """
      <h2>The best head on the validation images</h2>
      <p>\(right) of \(count) are classified rightly. \
      \(classes.count <= Self.matrixLimit ? wholeMatrix(confusion) : commonest(confusion))
      """
  }

  /// The confusion matrix, each cell as dark as its share of the row.
  private func wholeMatrix(_ confusion: [[Int]]) -> String {
    let heads = classes.map { "<th>\(HTMLPage.escaped($0))</th>" }.joined()
    let rows = classes.indices.map { row in
      let total = max(1, confusion[row].reduce(0, +))
      let cells = confusion[row].enumerated().map { column, count in
        let kind = row == column ? "right" : "wrong"
        let share = String(format: "%.2f", Double(count) / Double(total))
        return "<td class=\"\(kind)\" style=\"--share:\(share)\">\(count)</td>"
      }
      return "<tr><th>\(HTMLPage.escaped(classes[row]))</th>\(cells.joined())</tr>"
    }
    return """
      Rows: what the images show; columns: what they are taken for.</p>
      <div class="scroll"><table class="confusion"><tr><th></th>\(heads)</tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }

  /// The commonest confusions: a matrix of many classes is mostly zeros, and nobody can read it.
  private func commonest(_ confusion: [[Int]]) -> String {
    let wrong = confusion.enumerated().flatMap { row, counts in
      counts.enumerated().filter { $0.offset != row && $0.element > 0 }
        .map { (row: row, column: $0.offset, count: $0.element) }
    }
    let shown = wrong.sorted { ($1.count, $0.row, $0.column) < ($0.count, $1.row, $1.column) }
      .prefix(Self.matrixLimit)
    let lines = shown.map { entry in
      let names = [entry.row, entry.column].map { HTMLPage.escaped(classes[$0]) }
      let total = confusion[entry.row].reduce(0, +)
      return "<tr><th>\(names[0])</th><td>\(names[1])</td><td>\(entry.count) of \(total)</td></tr>"
    }
    guard !lines.isEmpty else { return "There is no confusion.</p>" }
    return """
      The commonest confusions, \(shown.count) of \(wrong.count):</p>
      <div class="scroll"><table><tr><th>class</th><th>taken for</th><th>images</th></tr>
      \(lines.joined(separator: "\n"))
      </table></div>
      """
  }

  private var gallery: String {
    let cards = hardest.map {
      ImageCard.html(
        caption: $0.path, jpeg: $0.jpeg, prediction: $0.prediction, truth: $0.truth)
    }
    return """
      <h2>The hardest validation images</h2>
      <p class="note">Those whose right class (✓) gets the least probability. A wrong label, or an \
      image that shows neither class, is found here first. \(ImageCard.heatMapNote)</p>
      \(ImageCard.grid(cards))
      """
  }

  private var settings: String {
    let rows = facts.map {
      "<tr><th>\(HTMLPage.escaped($0.name))</th><td>\(HTMLPage.escaped($0.value))</td></tr>"
    }
    return "<h2>Settings</h2>\n<table class=\"facts\">\n\(rows.joined(separator: "\n"))\n</table>"
  }

  private static let style = """
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; }
    th, td { padding: .3rem .7rem; text-align: left; font-size: .9rem; }
    .confusion td { text-align: right; min-width: 3rem; border: 2px solid var(--ground);
      font-variant-numeric: tabular-nums; }
    .confusion .right { background: color-mix(in srgb, var(--accent) calc(var(--share) * 60%),
      var(--paper)); }
    .confusion .wrong { background: color-mix(in srgb, var(--second) calc(var(--share) * 60%),
      var(--paper)); }
    .facts th { font-weight: 400; color: var(--soft); }
    """
}
