import FileIO

/// The images below one folder, for commands that ask for no classes.
package struct FolderImages: Sendable {
  /// The images, sorted by the bytes of their paths, which begin with the folder; all with label
  /// 0. A link that leads nowhere is among them with 0 bytes.
  package let samples: [Sample]
  /// What else is there.
  package let leftOut: LeftOut

  /// Lists the images of `folder` and of the folders in it, by the rules of ``ClassFolders``.
  ///
  /// - Parameter whileScanning: called with each file and folder before it is looked at.
  /// - Throws: ``DatasetError`` where a folder cannot be read or a name is not UTF-8.
  package static func scan(
    _ folder: String, whileScanning: @escaping (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> FolderImages {
    var walk = FolderWalk(listsBrokenLinks: true, whileScanning: whileScanning)
    let path = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let samples = try walk.images(in: folder, path: path, label: 0)
    return FolderImages(
      samples: samples.sorted { bytesPrecede($0.path, $1.path) }, leftOut: walk.leftOut)
  }
}
