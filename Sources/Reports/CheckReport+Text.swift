import FileIO
import Foundation
import ImageData
import Training

/// What is shown.
extension CheckReport {
  /// The parts that have images.
  private var parts: [Part] { [.train, .validation, .test].filter { !manifest[$0].isEmpty } }

  private var usable: Int { images.count { (try? $0.facts.get()) != nil } }

  /// The width of a line.
  private static let width = 79

  /// Counts of classes and what was found, in lines of at most 79 columns.
  package var text: String {
    var lines = Self.wrapped(
      "\(cell(name)): \(images.count) images of \(manifest.classes.count) classes, \(usable) can be "
        + "used", indent: 0)
    lines += [""] + classTable
    if manifest.leftOut.count > 0 { lines += [""] + Self.wrapped("\(manifest.leftOut)", indent: 0) }
    for finding in findings {
      lines += ["", "\(finding.fails ? "! " : "")\(finding.words): \(finding.count)"]
      lines += finding.examples.flatMap { Self.wrapped(cell($0), indent: 2) }
      if finding.count > finding.examples.count { lines.append("  ...") }
    }
    lines += [
      "",
      findings.isEmpty ? "nothing is wrong" : fails ? "training would fail" : "training can start",
    ]
    return lines.joined(separator: "\n")
  }

  private var classTable: [String] {
    let limit = Self.width - 12 * parts.count
    let names = manifest.classes.map { Self.shortened(cell($0), to: limit) }
    let width = max(5, names.map(\.count).max() ?? 0)
    let counts = parts.map(manifest.counts)
    let header =
      "class".filled(to: width) + parts.map { $0.rawValue.filledLeft(to: 12) }.joined()
    return [header]
      + names.indices.map { index in
        names[index].filled(to: width)
          + counts.map { "\($0[index])".filledLeft(to: 12) }.joined()
      }
  }

  static func shortened(_ text: String, to width: Int) -> String {
    text.count <= width ? text : text.prefix(width - 3) + "..."
  }

  /// `text` in lines of at most 79 columns, broken at spaces where there are any.
  static func wrapped(_ text: String, indent: Int) -> [String] {
    var lines: [String] = []
    var rest = Substring(text)
    while !rest.isEmpty {
      let margin = String(repeating: " ", count: lines.isEmpty ? indent : indent + 2)
      let room = width - margin.count
      var line = rest.prefix(room)
      if line.endIndex < rest.endIndex, let space = line.lastIndex(of: " "), space > line.startIndex
      {
        line = line[..<space]
      }
      lines.append(margin + line)
      rest = rest[line.endIndex...].drop { $0 == " " }
    }
    return lines
  }

  /// The same as a line of JSON.
  package var json: String {
    struct Line: Encodable {
      struct Class: Encodable {
        let name: String
        let train: Int
        let validation: Int
        let test: Int
      }
      struct Entry: Encodable {
        let kind: String
        let count: Int
        let fails: Bool
        let examples: [String]
      }
      let images: Int
      let usable: Int
      let fails: Bool
      let classes: [Class]
      let findings: [Entry]
      let leftOut: [String: Int]
    }
    let counts = [Part.train, .validation, .test].map(manifest.counts)
    return jsonLine(
      Line(
        images: images.count, usable: usable, fails: fails,
        classes: manifest.classes.indices.map {
          Line.Class(
            name: manifest.classes[$0], train: counts[0][$0], validation: counts[1][$0],
            test: counts[2][$0])
        },
        findings: findings.map {
          Line.Entry(kind: $0.kind, count: $0.count, fails: $0.fails, examples: $0.examples)
        }, leftOut: manifest.leftOut.kinds))
  }

  /// The usable images as a table that `--manifest` takes, a line of JSON each; the part only where
  /// the set has more than one.
  ///
  /// - Parameter path: what a sample's path is in it.
  package func table(path: (Sample) -> String) -> String {
    let hasParts = parts.count > 1
    return images.compactMap { image -> String? in
      guard case .success(let facts) = image.facts else { return nil }
      let sample = image.sample
      var members: [(String, JSONText)] = [
        ("path", .string(path(sample))), ("label", .string(manifest.classes[sample.label])),
      ]
      if hasParts { members.append(("part", .string(image.part.rawValue))) }
      if let group = sample.group { members.append(("group", .string(group))) }
      members += [
        ("sha256", .string(facts.digest)), ("bytes", .integer(sample.bytes)),
        ("format", .string(facts.format)), ("width", .integer(facts.width)),
        ("height", .integer(facts.height)),
      ]
      return visibleJSON(JSONText.object(members).text) + "\n"
    }.joined()
  }
}
