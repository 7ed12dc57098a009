import FileIO
import Foundation
import ImageData
import Training

/// An image of a set that has been looked at.
package struct CheckedImage: Sendable {
  package let sample: Sample
  package let part: Part
  /// What it is, or why it cannot be used.
  package let facts: Result<ImageFacts, DatasetError>

  package init(_ sample: Sample, _ part: Part, _ facts: Result<ImageFacts, DatasetError>) {
    (self.sample, self.part, self.facts) = (sample, part, facts)
  }
}

/// One thing that a set suffers from.
package struct Finding: Equatable, Sendable {
  /// A word for programs.
  let kind: String
  /// What it is and what it leads to, for a person, before a count.
  let words: String
  /// How many images, pairs or classes.
  var count = 0
  /// The first few, for a person.
  var examples: [String] = []
  /// Whether training would fail.
  var fails = false

  /// How many examples are retained.
  static let exampleLimit = 5

  mutating func add(_ example: @autoclosure () -> String) {
    count += 1
    if examples.count < Self.exampleLimit { examples.append(example()) }
  }
}

/// What would hurt later about a set of images, as a table for a person or JSON for a program.
package struct CheckReport: Sendable {
  let name: String
  let manifest: DatasetManifest
  let images: [CheckedImage]
  /// Everything that was found, what ends a training first.
  package let findings: [Finding]

  /// A shorter side below this, in pixels, is enlarged to several times its size for the network.
  static let smallSide = 64
  /// Sides of a larger ratio lose most of what they show when they are made square.
  static let longRatio = 4
  /// Bytes of a name and of a path that some file systems and archives do not hold.
  static let nameLimit = 143
  static let pathLimit = 240

  /// - Parameters:
  ///   - name: what the set is called.
  ///   - near: groups of images that are nearly the same, by their indices in `images`.
  package init(
    _ name: String, _ manifest: DatasetManifest, _ images: [CheckedImage],
    near: [NearGroup]? = nil
  ) {
    self.name = name
    self.manifest = manifest
    self.images = images
    var findings = Self.files(images, manifest) + Self.copies(images, manifest)
    if let near { findings.append(Self.near(near, images)) }
    findings += Self.names(images) + [Self.classes(manifest)]
    self.findings = findings.filter { $0.count > 0 }.enumerated()
      .sorted { ($1.element.fails ? 1 : 0, $0.offset) < ($0.element.fails ? 1 : 0, $1.offset) }
      .map(\.element)
  }

  /// Whether training on the set would fail.
  package var fails: Bool { findings.contains(where: \.fails) }
}

// MARK: - What is looked for

extension CheckReport {
  private static func files(_ images: [CheckedImage], _ manifest: DatasetManifest) -> [Finding] {
    var broken = Finding(kind: "unusable", words: "cannot be used", fails: true)
    var unnamed = Finding(
      kind: "not_utf8", words: "names that are not UTF-8", fails: true)
    var misnamed = Finding(
      kind: "extension", words: "another format than the name says; content counts")
    var turned = Finding(
      kind: "orientation", words: "an EXIF orientation other than upright; see --exif-orientation")
    var deep = Finding(kind: "deep_grey", words: "16 bits of grey, clipped above 255")
    var small = Finding(kind: "small", words: "a side below \(smallSide) pixels")
    var long = Finding(
      kind: "long", words: "more than \(longRatio) times as long as wide, or as wide as long")
    for image in images {
      let path = image.sample.path
      switch image.facts {
      case .failure(let error): broken.add("\(path): \(error.reason)")
      case .success(let facts):
        let sides = "\(facts.width) x \(facts.height)"
        if facts.isMisnamed { misnamed.add("\(path) is \(facts.format)") }
        if facts.notes.isTurned { turned.add(path) }
        if facts.notes.isDeepGrey { deep.add(path) }
        let (less, more) = (min(facts.width, facts.height), max(facts.width, facts.height))
        if less < smallSide { small.add("\(path) is \(sides)") }
        if more > longRatio * less { long.add("\(path) is \(sides)") }
      }
    }
    unnamed.count = manifest.leftOut.kinds[LeftOut.noText] ?? 0
    unnamed.examples = manifest.leftOut.examples[LeftOut.noText] ?? []
    return [broken, unnamed, misnamed, turned, deep, small, long]
  }

  /// Images whose files are equal byte by byte.
  private static func copies(_ images: [CheckedImage], _ manifest: DatasetManifest) -> [Finding] {
    var parts = Finding(
      kind: "duplicates_across_parts",
      words: "in another part, too, which makes accuracies too high")
    var classes = Finding(
      kind: "duplicates_across_classes", words: "in another class, too, of which one is wrong")
    var copies = Finding(kind: "duplicates", words: "twice in the same class and part")
    var first: [String: CheckedImage] = [:]
    for image in images {
      guard case .success(let facts) = image.facts else { continue }
      guard let other = first[facts.digest] else {
        first[facts.digest] = image
        continue
      }
      let pair = "\(image.sample.path) = \(other.sample.path)"
      if image.part != other.part { parts.add(pair) }
      if image.sample.label != other.sample.label { classes.add(pair) }
      if image.part == other.part && image.sample.label == other.sample.label { copies.add(pair) }
    }
    return [parts, classes, copies]
  }

  /// What a set would lose if one image of each group stayed.
  private static func near(_ groups: [NearGroup], _ images: [CheckedImage]) -> Finding {
    var near = Finding(
      kind: "near_duplicates", words: "nearly like another one, by the cosine of their features")
    for member in groups.flatMap({ $0.members.dropFirst() }) {
      let (one, other) = (images[member.index], images[member.nearest.index])
      if case .success(let facts) = one.facts, case .success(let others) = other.facts,
        facts.digest == others.digest
      {
        continue
      }
      let cosine = String(format: "%.3f", member.nearest.cosine)
      let others = one.part == other.part ? "" : ", in \(other.part.rawValue)"
      near.add("\(one.sample.path) ~ \(other.sample.path) (\(cosine)\(others))")
    }
    return near
  }

  /// Names that other systems, archives or programs do not take as they are.
  private static func names(_ images: [CheckedImage]) -> [Finding] {
    var controls = Finding(kind: "control_characters", words: "control characters in a name")
    var foreign = Finding(
      kind: "reserved_names", words: "names that Windows does not take")
    var cases = Finding(
      kind: "case_collisions", words: "names that differ in capitals or accents alone")
    var long = Finding(
      kind: "long_names",
      words: "names above \(nameLimit) or paths above \(pathLimit) bytes")
    var folded: [String: String] = [:]
    for image in images {
      let path = image.sample.path
      if path.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
        controls.add(path)
      }
      let names = path.split(separator: "/")
      if names.contains(where: isReserved) { foreign.add(path) }
      if path.utf8.count > pathLimit || names.contains(where: { $0.utf8.count > nameLimit }) {
        long.add(path)
      }
      // As strings, both spellings of "é" are equal.
      if let other = folded.updateValue(path, forKey: path.lowercased()) {
        cases.add("\(path), \(other)")
      }
    }
    return [controls, foreign, cases, long]
  }

  private static func isReserved(_ name: Substring) -> Bool {
    let stem = name.prefix { $0 != "." }.uppercased()
    return name.contains { "<>:\"\\|?*".contains($0) } || name.last == " "
      || (name.last == "." && name != "." && name != "..")
      || ["CON", "PRN", "AUX", "NUL"].contains(stem)
  }

  private static func classes(_ manifest: DatasetManifest) -> Finding {
    var unequal = Finding(kind: "classes", words: "classes")
    for remark in manifest.remarks { unequal.add(remark) }
    return unequal
  }
}
