import Foundation

/// The labelled pictures below one folder that holds a folder for each class.
public struct ClassFolders: Equatable, Sendable {
  /// The class names, sorted by their UTF-8 bytes; a sample's label is a position in them.
  public let classes: [String]
  /// The pictures, class by class. Within a class they are sorted by folder, then by name, both by
  /// bytes: the order of torchvision's `ImageFolder`.
  public let samples: [Sample]
  /// How many files that are no pictures by their extension were passed over.
  public let skippedFiles: Int

  /// File name extensions of pictures, in lower case.
  public static let pictureExtensions: Set<String> = ["jpg", "jpeg", "png"]

  /// Reads the names and sizes below `folder`, without opening any picture.
  ///
  /// Classes may hold nested folders. Names that begin with a dot are ignored. Symbolic links are
  /// followed, except back to a folder that is being read. Sample paths begin with `prefix`.
  ///
  /// - Parameter whileScanning: called with each file and folder before it is looked at.
  /// - Throws: ``DatasetError`` where the folder is missing or unreadable, has fewer than
  ///   `minimumClasses` class folders, or a class has no pictures.
  public static func scan(
    _ folder: String, prefix: String = "", minimumClasses: Int = 2,
    whileScanning: @escaping (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> ClassFolders {
    var scanner = FolderScanner(root: folder, whileScanning: whileScanning)
    let entries = try scanner.entries(of: folder)
    let classes = entries.filter { $0.facts.kind == .folder }.map(\.name)
    let loosePictures = entries.filter { $0.facts.kind == .file && isPicture($0.name) }.count
    guard classes.count >= minimumClasses else {
      throw tooFewClasses(classes, in: folder, loosePictures: loosePictures)
    }
    // Reports and models tell classes apart as strings.
    guard Set(classes).count == classes.count else {
      throw DatasetError(
        .invalid,
        "\(folder) holds two class folders whose names are the same letters in different Unicode "
          + "characters; rename or join them")
    }
    var samples: [Sample] = []
    for (label, name) in classes.enumerated() {
      let before = samples.count
      try scanner.collect(
        joined(folder, name), path: prefix + name, label: label, into: &samples)
      guard samples.count > before else {
        throw DatasetError(
          .invalid,
          "the class folder \(joined(folder, name)) holds no pictures (.jpg, .jpeg or .png); "
            + "add some or remove the folder")
      }
    }
    let loose = entries.filter { $0.facts.kind == .file }.count
    return ClassFolders(
      classes: classes, samples: samples, skippedFiles: scanner.skippedFiles + loose)
  }

  /// Whether a file's name has the extension of a picture that can be read.
  public static func isPicture(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return pictureExtensions.contains(name[name.index(after: dot)...].lowercased())
  }

  private static func tooFewClasses(
    _ classes: [String], in folder: String, loosePictures: Int
  ) -> DatasetError {
    let layout = "each class needs a folder of its own, as \(joined(folder, "CLASS/picture.jpg"))"
    if classes.isEmpty && loosePictures > 0 {
      return DatasetError(
        .invalid,
        "\(loosePictures) pictures lie directly in \(folder), which says nothing of their class; "
          + layout)
    }
    if classes.isEmpty {
      return DatasetError(.invalid, "\(folder) holds no class folders; \(layout)")
    }
    return DatasetError(
      .invalid,
      "\(folder) holds only the class '\(classes.joined(separator: "', '"))', and a classifier "
        + "needs at least 2; \(layout)")
  }
}

/// Reads folders and counts what it passes over.
private struct FolderScanner {
  struct Entry {
    let name: String
    let facts: FileFacts
  }

  let whileScanning: (_ path: String) -> Void
  var skippedFiles = 0
  /// The folders that are being read, outermost first, to notice a link back to one of them.
  private var open: [FileFacts.Identity]

  init(root: String, whileScanning: @escaping (_ path: String) -> Void) {
    open = (try? FileFacts(path: root).identity).map { [$0] } ?? []
    self.whileScanning = whileScanning
  }

  /// What lies in `folder` apart from hidden names, sorted by the bytes of the names.
  func entries(of folder: String) throws(DatasetError) -> [Entry] {
    var entries: [Entry] = []
    for name in try names(in: folder) {
      let path = joined(folder, name)
      whileScanning(path)
      do throws(SystemReason) {
        entries.append(Entry(name: name, facts: try FileFacts(path: path)))
      } catch {
        throw DatasetError(
          error.isAbsence ? .missing : .invalid,
          "\(path) is listed in its folder but cannot be reached (\(error)): mend or remove the "
            + "broken link")
      }
    }
    return entries
  }

  private func names(in folder: String) throws(DatasetError) -> [String] {
    do throws(SystemReason) {
      guard try FileFacts(path: folder).kind == .folder else {
        throw SystemReason(ENOTDIR)
      }
    } catch {
      throw DatasetError(.missing, "the folder \(folder) cannot be opened: \(error)")
    }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { !$0.hasPrefix(".") }.sorted(by: bytesPrecede)
    } catch {
      throw DatasetError(
        .missing, "the folder \(folder) cannot be read; check its permissions")
    }
  }

  /// Adds the pictures of one class folder and of the folders in it.
  mutating func collect(
    _ folder: String, path: String, label: Int, into samples: inout [Sample]
  ) throws(DatasetError) {
    var folders: [(path: String, samples: [Sample])] = []
    try walk(folder, path: path, label: label, into: &folders)
    folders.sort { bytesPrecede($0.path, $1.path) }
    for folder in folders { samples += folder.samples }
  }

  private mutating func walk(
    _ folder: String, path: String, label: Int,
    into folders: inout [(path: String, samples: [Sample])]
  ) throws(DatasetError) {
    guard let identity = try? FileFacts(path: folder).identity, !open.contains(identity) else {
      return
    }
    open.append(identity)
    defer { open.removeLast() }
    var samples: [Sample] = []
    for entry in try entries(of: folder) {
      let entryPath = path + "/" + entry.name
      switch entry.facts.kind {
      case .folder:
        try walk(joined(folder, entry.name), path: entryPath, label: label, into: &folders)
      case .file where ClassFolders.isPicture(entry.name):
        samples.append(Sample(path: entryPath, label: label, bytes: entry.facts.bytes))
      case .file, .other:
        skippedFiles += 1
      }
    }
    folders.append((path, samples))
  }
}
