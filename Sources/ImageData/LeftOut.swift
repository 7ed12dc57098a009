/// What a walk over folders left out, by kind and with the first few names, so that nothing is
/// dropped without a word.
package struct LeftOut: Codable, Equatable, Sendable, CustomStringConvertible {
  /// How many files and folders of each kind: an extension such as ".heic", or a reason.
  package private(set) var kinds: [String: Int] = [:]
  /// The paths of the first few.
  package private(set) var examples: [String] = []

  static let exampleLimit = 3
  private static let kindLimit = 6

  /// Nothing.
  package init() {}

  /// How many files and folders, a folder counted once whatever is in it.
  package var count: Int { kinds.values.reduce(0, +) }

  mutating func add(_ path: String, _ kind: String) {
    kinds[kind, default: 0] += 1
    if examples.count < Self.exampleLimit { examples.append(path) }
  }

  /// Adds what another walk left out.
  package mutating func add(_ other: LeftOut) {
    kinds.merge(other.kinds, uniquingKeysWith: +)
    examples += other.examples.prefix(Self.exampleLimit - examples.count)
  }

  /// One line for a person: counts, examples and, for pictures in other formats, the remedy.
  package var description: String {
    let ordered = kinds.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    var parts = ordered.prefix(Self.kindLimit).map { "\($0.value) \($0.key)" }
    let rest = ordered.dropFirst(Self.kindLimit).reduce(0) { $0 + $1.value }
    if rest > 0 { parts.append("\(rest) of other kinds") }
    let names = examples.joined(separator: ", ") + (count > examples.count ? ", ..." : "")
    let foreign = ordered.map(\.key).filter(Self.otherPictures.contains)
    let remedy =
      foreign.isEmpty
      ? "" : "; convert \(foreign.joined(separator: ", ")) to JPEG or PNG to use them"
    return "left out: \(parts.joined(separator: ", ")) (\(names))\(remedy)"
  }

  /// Extensions of picture formats that are not read.
  private static let otherPictures: Set<String> = [
    ".arw", ".avif", ".bmp", ".cr2", ".cr3", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2",
    ".jxl", ".nef", ".ppm", ".tif", ".tiff", ".webp",
  ]
}

extension LeftOut {
  static let hidden = "hidden"
  static let byProduct = "by-products of a system"
  static let circle = "links back to a folder around them"
  static let brokenLink = "broken links"
  static let special = "neither files nor folders"
  static let classless = "pictures in no class folder"
  static let unused = "folders that are not used"

  /// What stands beside pictures without being one, whatever is in it; nil for other names.
  static func kind(ofName name: String) -> String? {
    if name.hasPrefix(".") { return hidden }
    return byProducts.contains(name.lowercased()) ? byProduct : nil
  }

  /// The kind of a file that is no picture by its name.
  static func kind(ofFile name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "other files" }
    let letters = name[name.index(after: dot)...].lowercased()
    let isPlain = letters.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    return isPlain && (1...5).contains(letters.count) ? "." + letters : "other files"
  }

  /// Thumbnails, bins and notes that storage devices, archives and desktops put beside files.
  private static let byProducts: Set<String> = [
    "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin",
    "__macosx", "desktop.ini", "ehthumbs.db", "lost+found", "system volume information",
    "thumbs.db",
  ]
}
