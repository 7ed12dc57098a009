import FileIO
import Foundation
import ImageCodecs

/// How all commands look through folders of images.
///
/// Links are followed, except back to a folder that is being read. Hidden names and the by-products
/// of storage devices are no data. A file whose name has the extension of an image is one, whatever
/// it holds, so that a broken one is noticed; where the name says nothing, or that of a format that is
/// not read, the first bytes decide. A name that is no text, a folder that cannot be read and, for a
/// labelled set, a link that leads nowhere are errors. What is left out is counted.
struct FolderWalk {
  /// A folder or a file that is an image by its name.
  struct Entry {
    let name: String
    let facts: FileFacts
    var isFolder: Bool { facts.kind == .folder }
  }

  private(set) var leftOut = LeftOut()
  /// Whether a link to no file counts as an image that cannot be read, and is no error.
  private let listsBrokenLinks: Bool
  /// Whether a name that is no text is counted among what is left out, and is no error.
  private let countsBadNames: Bool
  private let whileScanning: (_ path: String) -> Void
  /// The folders that are being read, outermost first, to notice a link back to one of them.
  private var open: [FileFacts.Identity] = []

  init(
    listsBrokenLinks: Bool, countsBadNames: Bool = false,
    whileScanning: @escaping (_ path: String) -> Void
  ) {
    self.listsBrokenLinks = listsBrokenLinks
    self.countsBadNames = countsBadNames
    self.whileScanning = whileScanning
  }

  /// The images of `folder` and of the folders in it, sorted by folder and then by name, both by
  /// bytes.
  ///
  /// - Parameter path: what the paths of the samples begin with instead of `folder`.
  mutating func images(
    in folder: String, path: String, label: Int
  ) throws(DatasetError) -> [Sample] {
    var folders: [(path: String, samples: [Sample])] = []
    try walk(folder, path: path, label: label, into: &folders)
    folders.sort { bytesPrecede($0.path, $1.path) }
    return folders.flatMap(\.samples)
  }

  private mutating func walk(
    _ folder: String, path: String, label: Int,
    into folders: inout [(path: String, samples: [Sample])]
  ) throws(DatasetError) {
    var samples: [Sample] = []
    let found = try entering(folder, path: path) { (walk) throws(DatasetError) in
      for entry in try walk.entries(of: folder, prefix: path + "/") {
        let entryPath = path + "/" + entry.name
        if entry.isFolder {
          try walk.walk(joined(folder, entry.name), path: entryPath, label: label, into: &folders)
        } else {
          samples.append(Sample(path: entryPath, label: label, bytes: entry.facts.bytes))
        }
      }
    }
    if found { folders.append((path, samples)) }
  }

  /// Calls `body` while `folder` counts as one that is being read; false, without a call, where it
  /// already is.
  mutating func entering(
    _ folder: String, path: String,
    _ body: (inout FolderWalk) throws(DatasetError) -> Void
  ) throws(DatasetError) -> Bool {
    let facts: FileFacts
    do throws(SystemReason) {
      facts = try FileFacts(path: folder)
      guard facts.kind == .folder else { throw SystemReason(ENOTDIR) }
    } catch {
      throw DatasetError(.missing, "the folder \(folder) cannot be opened: \(error)")
    }
    guard !open.contains(facts.identity) else {
      leftOut.add(path, LeftOut.circle)
      return false
    }
    open.append(facts.identity)
    defer { open.removeLast() }
    try body(&self)
    return true
  }

  /// The folders and images in `folder`, sorted by the bytes of their names; what else is there
  /// is left out.
  ///
  /// - Parameter prefix: stands before the names of what is left out.
  mutating func entries(of folder: String, prefix: String) throws(DatasetError) -> [Entry] {
    let names: [[UInt8]]
    do throws(SystemReason) {
      names = try namesInFolder(folder)
    } catch {
      throw DatasetError(
        error.isOfHost ? .host : .missing,
        "the folder \(folder) cannot be read (\(error)); check its permissions")
    }
    var entries: [Entry] = []
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      if let entry = try entry(name, of: folder, prefix) { entries.append(entry) }
    }
    return entries
  }

  private mutating func entry(
    _ bytes: [UInt8], of folder: String, _ prefix: String
  ) throws(DatasetError) -> Entry? {
    let name = String(decoding: bytes, as: UTF8.self)
    let isText = name.utf8.elementsEqual(bytes)
    let path = prefix + (isText ? name : escaped(bytes))
    if let kind = LeftOut.kind(ofName: name) {
      leftOut.add(path, kind)
      return nil
    }
    whileScanning(joined(folder, name))
    guard let facts = try facts(bytes, name, of: folder) else {
      leftOut.add(path, LeftOut.brokenLink)
      return nil
    }
    switch facts.kind {
    case .file where !ClassFolders.isImage(name):
      let format =
        LeftOut.mayHoldImage(name)
        ? ImageFormat(beginningOfFile(Array(joined(folder, "").utf8) + bytes)) : .unknown
      if format.isReadable { fallthrough }
      leftOut.add(path, LeftOut.kind(ofFile: name, format))
      return nil
    case .file, .folder:
      guard isText || !countsBadNames else {
        leftOut.add(path, LeftOut.noText)
        return nil
      }
      guard isText else {
        throw DatasetError(nameThatIsNoText: bytes, of: "in the folder \(folder)")
      }
      return Entry(name: name, facts: facts)
    case .other:
      leftOut.add(path, LeftOut.special)
      return nil
    }
  }

  /// The facts of an entry; nil for a broken link that is no error.
  private func facts(
    _ bytes: [UInt8], _ name: String, of folder: String
  ) throws(DatasetError) -> FileFacts? {
    do throws(SystemReason) {
      return try FileFacts(bytesOfPath: Array(joined(folder, "").utf8) + bytes)
    } catch {
      if listsBrokenLinks { return ClassFolders.isImage(name) ? .nothing : nil }
      throw DatasetError(
        error.isAbsence ? .missing : .invalid,
        "\(joined(folder, escaped(bytes))) is listed in its folder but cannot be reached "
          + "(\(error)): mend or remove the broken link")
    }
  }
}

extension DatasetError {
  /// A name that is no UTF-8, which paths in messages, models and pages have to be.
  ///
  /// - Parameter location: where the name stands, as "in the folder data".
  package init(nameThatIsNoText bytes: [UInt8], of location: String) {
    self.init(
      .invalid,
      "the name '\(escaped(bytes))' \(location) is not UTF-8; rename the file or folder, for example "
        + "with `convmv -f latin1 -t utf8`")
  }
}
