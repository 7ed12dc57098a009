import ImageCodecs

/// What a walk over folders left out, by kind and each with the first few names, so that nothing is
/// dropped without a word.
package struct LeftOut: Codable, Equatable, Sendable, CustomStringConvertible {
  /// How many files and folders of each kind: an extension such as ".heic", or a reason.
  package private(set) var kinds: [String: Int] = [:]
  /// The paths of the first few of each kind.
  package private(set) var examples: [String: [String]] = [:]

  static let exampleLimit = 3
  private static let kindLimit = 6

  /// Nothing.
  package init() {}

  /// How many files and folders, a folder counted once whatever is in it.
  package var count: Int { kinds.values.reduce(0, +) }

  mutating func add(_ path: String, _ kind: String) {
    kinds[kind, default: 0] += 1
    if examples[kind, default: []].count < Self.exampleLimit {
      examples[kind, default: []].append(path)
    }
  }

  /// Adds what another walk left out.
  package mutating func add(_ other: LeftOut) {
    kinds.merge(other.kinds, uniquingKeysWith: +)
    examples.merge(other.examples) { Array(($0 + $1).prefix(Self.exampleLimit)) }
  }

  /// One line for a person: counts with examples and, for images in other formats, the remedy.
  package var description: String {
    let ordered = kinds.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    var parts = ordered.prefix(Self.kindLimit).map { kind, count in
      let names = examples[kind] ?? []
      return
        "\(count) \(kind) (\(names.joined(separator: ", "))\(count > names.count ? ", ..." : ""))"
    }
    let rest = ordered.dropFirst(Self.kindLimit).reduce(0) { $0 + $1.value }
    if rest > 0 { parts.append("\(rest) of other kinds") }
    let foreign = ordered.map(\.key).filter(Self.otherImages.contains)
    let example =
      foreign.contains(where: Self.phoneImages.contains)
      ? ", for example with \(ImageFormat.converter)" : ""
    let remedy =
      foreign.isEmpty
      ? "" : "; convert \(foreign.joined(separator: ", ")) to JPEG or PNG to use them\(example)"
    return "left out: \(parts.joined(separator: ", "))\(remedy)"
  }

  private static let phoneFiles = "HEIC or AVIF files"
  private static let phoneImages: Set<String> = [".avif", ".heic", ".heif", phoneFiles]
  /// What cameras write. It often begins as a TIFF file does, which holds a small preview then.
  private static let rawImages: Set<String> = [".arw", ".cr2", ".cr3", ".dng", ".nef"]
  /// Kinds of images that are not read.
  private static let otherImages = phoneImages.union(rawImages).union([".jp2", ".jxl"])
}

extension LeftOut {
  static let hidden = "hidden"
  static let byProduct = "by-products of a system"
  static let circle = "links back to a folder around them"
  static let brokenLink = "broken links"
  package static let noText = "names that are not UTF-8"
  static let special = "neither files nor folders"
  static let classless = "images in no class folder"
  static let unused = "folders that are not used"

  /// What stands beside images without being one, whatever is in it; nil for other names.
  static func kind(ofName name: String) -> String? {
    if name.hasPrefix(".") { return hidden }
    return byProducts.contains(name.lowercased()) ? byProduct : nil
  }

  /// Whether a file that is no image by its name may be one by its content: it has no extension,
  /// or that of an image of another kind.
  static func mayHoldImage(_ name: String) -> Bool {
    guard let kind = fileExtension(name) else { return true }
    return otherImages.contains(kind) && !rawImages.contains(kind)
  }

  /// The kind of a file that is no image by its name, nor by `format`, that of its content.
  static func kind(ofFile name: String, _ format: ImageFormat = .unknown) -> String {
    fileExtension(name) ?? (format.isFromPhone ? phoneFiles : "other files")
  }

  /// The extension with its dot, in lower case; nil where there is none that looks like one.
  private static func fileExtension(_ name: String) -> String? {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
    let letters = name[name.index(after: dot)...].lowercased()
    let isPlain = letters.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    return isPlain && (1...5).contains(letters.count) ? "." + letters : nil
  }

  /// Thumbnails, bins and notes that storage devices, archives and desktops put beside files.
  private static let byProducts: Set<String> = [
    "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin",
    "__macosx", "desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "icon\r", "lost+found",
    "lost.dir", "network trash folder", "picasa.ini", "recycler", "system volume information",
    "temporary items", "thumbs.db", "thumbs.db:encryptable",
  ]
}
