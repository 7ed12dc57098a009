import FileIO
import Foundation
import Scoring

/// Which labels are probably wrong, as a table for a person, JSON or CSV for a program.
package struct LabelReport: Sendable {
  /// An image with what speaks against its label.
  package struct Entry: Encodable, Sendable {
    /// From 1, the least credible label first.
    package let rank: Int
    /// As the table of predictions calls it.
    package let image: String
    /// The name of its class, and of the one that is the likeliest.
    package let label, suggested: String
    /// Of the two.
    package let labelProbability, suggestedProbability: Double
    /// See ``ConfidentLearning/margins``.
    package let margin: Double
  }

  private let name: String
  private let file: OutOfSampleFile
  private let found: ConfidentLearning

  /// Looks through the labels of `file`, which messages call `name`.
  package init(_ file: OutOfSampleFile, name: String) {
    self.file = file
    self.name = name
    found = ConfidentLearning(
      probabilities: file.probabilities, labels: file.labels, classes: file.classes.count)
  }

  /// The labels that are probably wrong, the least credible first.
  package var issues: [Entry] { found.issues.enumerated().map { entry($1, rank: $0 + 1) } }

  private func entry(_ image: Int, rank: Int) -> Entry {
    let (label, likeliest) = (file.labels[image], found.likeliest[image])
    return Entry(
      rank: rank, image: file.images[image], label: file.classes[label],
      suggested: file.classes[likeliest], labelProbability: found.selfConfidence[image],
      suggestedProbability: file.probabilities[image][likeliest], margin: found.margins[image])
  }

  // MARK: - For a person

  /// "3 of 200 labels are probably wrong"
  package var summary: String {
    let count = file.images.count
    guard !found.issues.isEmpty else { return "none of \(count) labels is probably wrong" }
    return "\(found.issues.count) of \(count) labels \(found.issues.count == 1 ? "is" : "are") "
      + "probably wrong"
  }

  /// The first `limit` of ``issues`` as a table, how many there are, and what to do; at most 79
  /// columns.
  package func text(limit: Int) -> String {
    var lines = CheckReport.wrapped(
      "\(cell(name)): \(file.images.count) images of \(file.classes.count) classes, each classified "
        + "by a model that was not trained on it", indent: 0)
    let shown = found.issues.prefix(limit).enumerated().map { entry($1, rank: $0 + 1) }
    if !shown.isEmpty { lines += [""] + table(shown) }
    lines += [
      "", summary,
      String(format: "estimated share of wrong labels: %.1f %%", found.errorShare * 100),
    ]
    if found.issues.count > shown.count {
      lines.append("shown: \(shown.count); --limit N shows more, --output FILE.csv has all")
    }
    if !found.issues.isEmpty {
      lines += CheckReport.wrapped(
        "next: look at them (--html FILE.html shows the images), correct or remove what is wrong, "
          + "keep what is only hard, and train again", indent: 0)
    }
    return lines.joined(separator: "\n")
  }

  /// The width of a line, that of a label, and that of all columns but the names.
  private static let (width, labelWidth, numbersWidth) = (79, 14, 4 + 3 * 2 + 2 * 10)

  private func table(_ entries: [Entry]) -> [String] {
    func column(_ head: String, _ names: [String], most: Int, _ short: (String) -> String)
      -> [String]
    {
      let names = names.map { short(cell($0)) }
      let width = min(most, max(head.count, names.map(\.count).max() ?? 0))
      return ([head] + names).map { $0.filled(to: width) }
    }
    func cut(_ text: String) -> String { CheckReport.shortened(text, to: Self.labelWidth) }
    let labels = column("label", entries.map(\.label), most: Self.labelWidth, cut)
    let suggested = column("suggested", entries.map(\.suggested), most: Self.labelWidth, cut)
    let room = Self.width - Self.numbersWidth - labels[0].count - suggested[0].count
    // The end of a path says more than its beginning.
    let images = column("image", entries.map(\.image), most: room) {
      $0.count <= room ? $0 : "..." + $0.suffix(room - 3)
    }
    let ranks = ["rank"] + entries.map { "\($0.rank)".filledLeft(to: 4) }
    let numbers =
      ["  p(label)  p(sugg.)"]
      + entries.map {
        "\(percent($0.labelProbability)) %".filledLeft(to: 10)
          + "\(percent($0.suggestedProbability)) %".filledLeft(to: 10)
      }
    return ranks.indices.map { row in
      [ranks[row], images[row], labels[row], suggested[row]].joined(separator: "  ") + numbers[row]
    }
  }

  // MARK: - For a program

  /// One object: images, classes, error_share and issues.
  package var json: String {
    struct Document: Encodable {
      let images: Int
      let classes: [String]
      let errorShare: Double
      let issues: [Entry]
    }
    return jsonLine(
      Document(
        images: file.images.count, classes: file.classes, errorShare: found.errorShare,
        issues: issues))
  }

  /// All images as a table by RFC 4180, first those whose labels are probably wrong, then the others,
  /// both by the probability of their label.
  package var csv: String {
    let head = [
      "rank", "image", "label", "suggested", "label_probability", "suggested_probability", "margin",
      "probably_wrong",
    ]
    let wrong = Set(found.issues)
    let others = file.images.indices.filter { !wrong.contains($0) }
      .sorted { (found.selfConfidence[$0], $0) < (found.selfConfidence[$1], $1) }
    return csvRecord(head)
      + (found.issues + others).enumerated().map { index, image in
        let entry = entry(image, rank: index + 1)
        return csvRecord([
          "\(entry.rank)", entry.image, entry.label, entry.suggested, "\(entry.labelProbability)",
          "\(entry.suggestedProbability)", "\(entry.margin)",
          "\(index < found.issues.count)",
        ])
      }.joined()
  }
}
