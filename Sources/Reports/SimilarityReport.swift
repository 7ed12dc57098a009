import FileIO
import Foundation
import ImageData
import Training

/// An image among those that are compared.
package struct ComparedImage: Sendable {
  /// What it is called.
  package let name: String
  /// The part of its set; nil where it has none.
  let part: Part?
  /// The name of its class; nil where nobody says.
  let className: String?

  package init(_ name: String, part: Part? = nil, className: String? = nil) {
    (self.name, self.part, self.className) = (name, part, className)
  }

  /// What programs are told of it besides its name.
  fileprivate var facts: [(String, JSONText)] {
    let members = [("part", part?.rawValue), ("class", className)]
    return members.compactMap { name, value in value.map { (name, .string($0)) } }
  }
}

/// Which images are near each other: for a person, as lines of JSON, and as a table.
package struct SimilarityReport: Sendable {
  /// For a person.
  package let text: String
  /// An object a line.
  package let json: String
  /// A table by RFC 4180.
  private let table: String

  /// What stands in a file.
  package func file(_ format: PredictionFile.Format) -> String {
    switch format {
    case .csv: table
    case .jsonl: json.isEmpty ? "" : json + "\n"
    }
  }

  private init(text: [String], json: [JSONText], table: [[String]]) {
    self.text = text.joined(separator: "\n")
    self.json = json.map { visibleJSON($0.text) }.joined(separator: "\n")
    self.table = table.map(csvRecord).joined()
  }

  /// Rounding of the last digits of a cosine is not told.
  private static func number(_ cosine: Float) -> Double {
    (Double(cosine) * 1e6).rounded() / 1e6
  }

  private static func line(_ name: String, _ cosine: Float, _ remark: String = "") -> String {
    "  \(String(format: "%.4f", cosine))  \(cell(name))\(remark)"
  }
}

// MARK: - Groups

extension SimilarityReport {
  /// The groups of images that are nearly the same.
  ///
  /// The table has a row for each image: `group`, from 1 on, `image`, `cosine` and `nearest`, which is
  /// the nearest other one, `part` and `class`.
  /// - Parameters:
  ///   - images: all that were compared.
  ///   - threshold: the least cosine of two that are near.
  package init(_ groups: [NearGroup], of images: [ComparedImage], threshold: Double) {
    var text: [String] = []
    var json: [JSONText] = []
    var table = [["group", "image", "cosine", "nearest", "part", "class"]]
    for (index, group) in groups.enumerated() {
      let members = group.members
      text.append(
        "group \(index + 1): \(members.count) images"
          + Self.remark(members.map { images[$0.index] }))
      var entries: [JSONText] = []
      for member in members {
        let (image, nearest) = (images[member.index], images[member.nearest.index])
        let cosine = Self.number(member.nearest.cosine)
        // Of two it is clear which one is meant.
        let remark = members.count > 2 ? "  ~ \(cell(nearest.name))" : ""
        text.append(Self.line(image.name, member.nearest.cosine, remark))
        entries.append(
          .object(
            [("image", .string(image.name))] + image.facts + [
              ("cosine", .number(cosine)), ("nearest", .string(nearest.name)),
            ]))
        table.append([
          "\(index + 1)", image.name, "\(cosine)", nearest.name, image.part?.rawValue ?? "",
          image.className ?? "",
        ])
      }
      json.append(.object([("group", .integer(index + 1)), ("images", .array(entries))]))
    }
    let count = groups.reduce(0) { $0 + $1.members.count }
    let found =
      groups.isEmpty
      ? "none is nearly like another one"
      : "\(count) are nearly like another one, in \(groups.count) \(groups.count == 1 ? "group" : "groups")"
    text.append("\(images.count) images, of which \(found) (cosine from \(threshold))")
    self.init(text: text, json: json, table: table)
  }

  /// What a group must not have: images of several parts or classes.
  private static func remark(_ images: [ComparedImage]) -> String {
    let inOrder: [Part] = [.train, .validation, .test]
    let parts = inOrder.filter { part in images.contains { $0.part == part } }
    let classes = sortedByBytes(Set(images.compactMap(\.className)))
    let remarks = [("in", parts.map(\.rawValue)), ("of the classes", classes)]
    return remarks.map { word, names in
      names.count < 2 ? "" : ", \(word) \(names.map(cell).joined(separator: " and "))"
    }.joined()
  }
}

// MARK: - The nearest

extension SimilarityReport {
  /// The nearest to each of some images.
  ///
  /// The table has a row for each of them: `image`, `rank`, from 1 on, `nearest` and `cosine`.
  /// - Parameters:
  ///   - nearest: for each of `queries` the nearest of `images`; none for one that cannot be used.
  package init(
    _ nearest: [[Neighbour]], to queries: [String], among images: [ComparedImage]
  ) {
    var text: [String] = []
    var json: [JSONText] = []
    var table = [["image", "rank", "nearest", "cosine"]]
    for (query, neighbours) in zip(queries, nearest) where !neighbours.isEmpty {
      text.append(cell(query))
      var entries: [JSONText] = []
      for (index, neighbour) in neighbours.enumerated() {
        let image = images[neighbour.index]
        let cosine = Self.number(neighbour.cosine)
        text.append(Self.line(image.name, neighbour.cosine))
        entries.append(
          .object(
            [("image", .string(image.name))] + image.facts + [("cosine", .number(cosine))]))
        table.append([query, "\(index + 1)", image.name, "\(cosine)"])
      }
      json.append(.object([("image", .string(query)), ("nearest", .array(entries))]))
    }
    self.init(text: text, json: json, table: table)
  }
}
