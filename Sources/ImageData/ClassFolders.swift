import FileIO
import Foundation
import ImageCodecs

/// The labelled images below one folder that holds a folder for each class.
package struct ClassFolders: Equatable, Sendable {
  /// The class names, sorted by their UTF-8 bytes; a sample's label is a position in them.
  package let classes: [String]
  /// The images, class by class. Within a class they are sorted by folder, then by name, both by
  /// bytes: the order of torchvision's `ImageFolder`.
  package let samples: [Sample]
  /// What else lies there.
  package let leftOut: LeftOut

  /// Reads the names and sizes below `folder`, without opening any file that is an image by its
  /// name; of one that may be an image nevertheless, the first bytes decide.
  ///
  /// Classes may hold nested folders. Hidden names and by-products such as `@eaDir` are left out.
  /// Symbolic links are followed, except back to a folder that is being read. Sample paths begin
  /// with `prefix`.
  ///
  /// - Parameters:
  ///   - isInspection: whether files that cannot be reached are listed, and names that are not UTF-8
  ///     left out, which are errors otherwise.
  ///   - whileScanning: called with each file and folder before it is looked at.
  /// - Throws: ``DatasetError`` where a folder is missing or unreadable, a link leads nowhere, a
  ///   name is not UTF-8, there are fewer than `minimumClasses` class folders, or a class has no
  ///   images.
  package static func scan(
    _ folder: String, prefix: String = "", minimumClasses: Int = 2, isInspection: Bool = false,
    whileScanning: @escaping (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> ClassFolders {
    var walk = FolderWalk(
      listsBrokenLinks: isInspection, countsBadNames: isInspection, whileScanning: whileScanning)
    var classes: [String] = []
    var samples: [Sample] = []
    var loose = LeftOut()
    _ = try walk.entering(folder, path: prefix) { (walk) throws(DatasetError) in
      let entries = try walk.entries(of: folder, prefix: prefix)
      for entry in entries where !entry.isFolder {
        loose.add(prefix + entry.name, LeftOut.classless)
      }
      classes = entries.filter(\.isFolder).map(\.name)
      guard classes.count >= minimumClasses else {
        throw tooFewClasses(classes, in: folder, looseImages: loose.count)
      }
      // Reports and models tell classes apart as strings.
      guard Set(classes).count == classes.count else { throw twins(in: folder) }
      for (label, name) in classes.enumerated() {
        let path = joined(folder, name)
        let images = try walk.images(in: path, path: prefix + name, label: label)
        guard !images.isEmpty else { throw emptyClass(path, walk.leftOut) }
        samples += images
      }
    }
    var leftOut = walk.leftOut
    leftOut.add(loose)
    return ClassFolders(classes: classes, samples: samples, leftOut: leftOut)
  }

  /// Whether a file's name has the extension of an image that can be read.
  package static func isImage(_ name: String) -> Bool {
    ImageFormat(ofName: name) != nil
  }

  private static func twins(in folder: String) -> DatasetError {
    DatasetError(
      .invalid,
      "\(folder) holds two class folders whose names are the same letters in different Unicode "
        + "characters; rename or join them")
  }

  private static func emptyClass(_ folder: String, _ leftOut: LeftOut) -> DatasetError {
    let others = leftOut.count > 0 ? " (\(leftOut))" : ""
    return DatasetError(
      .invalid,
      "the class folder \(folder) holds no images (\(ImageFormat.readable))\(others); add some "
        + "or remove the folder")
  }

  private static func tooFewClasses(
    _ classes: [String], in folder: String, looseImages: Int
  ) -> DatasetError {
    let layout = "each class needs a folder of its own, as \(joined(folder, "CLASS/image.jpg"))"
    if classes.isEmpty && looseImages > 0 {
      return DatasetError(
        .invalid,
        "\(looseImages) images lie directly in \(folder), which says nothing of their class; "
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
