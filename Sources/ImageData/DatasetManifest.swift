import FileIO

/// One labelled image of a set.
package struct Sample: Codable, Equatable, Sendable {
  /// Where it lies, relative to the set's root, with "/" between folders.
  package let path: String
  /// The position of its class among the classes.
  package let label: Int
  /// The size of the file.
  package let bytes: Int

  /// A sample with its facts.
  package init(path: String, label: Int, bytes: Int) {
    self.path = path
    self.label = label
    self.bytes = bytes
  }
}

/// The list of all images of a set, which rank 0 makes and all ranks share.
package struct DatasetManifest: Codable, Equatable, Sendable {
  /// The class names, sorted by their UTF-8 bytes; a sample's label is a position in them.
  package let classes: [String]
  /// The training images, class by class, in the order of torchvision's `ImageFolder`.
  package let train: [Sample]
  /// The validation images, in the same order.
  package let validation: [Sample]
  /// What else lies in the set's folders.
  package let leftOut: LeftOut
  /// A list of known images.
  package init(
    classes: [String], train: [Sample], validation: [Sample], leftOut: LeftOut = LeftOut()
  ) {
    self.classes = classes
    self.train = train
    self.validation = validation
    self.leftOut = leftOut
  }

  /// Lists the images of `root`: `train/CLASS/...` and `validation/CLASS/...` (or
  /// `val` or `valid`). A folder `test` beside them is left out.
  ///
  /// See ``ClassFolders`` for what counts as a class and an image.
  ///
  /// - Parameter whileScanning: called with each file and folder before it is looked at.
  /// - Throws: ``DatasetError`` where a folder is missing, several for validation are there, there
  ///   are fewer than two classes, a class is empty, or the classes of the two folders
  ///   differ.
  package static func scan(
    root: String, whileScanning: @escaping (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> DatasetManifest {
    try requireFolder(
      root, remedy: "name the image set with --data, or make one with `avp-dist demo-data`")
    try requireFolder(
      joined(root, "train"),
      remedy: "an image set needs train/CLASS/... and validation/CLASS/...; `avp-dist prepare` "
        + "makes both from a folder of class folders")
    let validationName = try validationFolder(of: root)
    let train = try ClassFolders.scan(
      joined(root, "train"), prefix: "train/", whileScanning: whileScanning)
    let validation = try ClassFolders.scan(
      joined(root, validationName), prefix: validationName + "/", minimumClasses: 1,
      whileScanning: whileScanning)
    guard train.classes.elementsEqual(validation.classes, by: haveEqualBytes) else {
      throw classesDiffer(train.classes, validation.classes, root, validationName)
    }
    var leftOut = train.leftOut
    leftOut.add(validation.leftOut)
    if isFolder(joined(root, "test")) { leftOut.add("test", LeftOut.unused) }
    return DatasetManifest(
      classes: train.classes, train: train.samples, validation: validation.samples,
      leftOut: leftOut)
  }

  private static func requireFolder(_ path: String, remedy: String) throws(DatasetError) {
    do throws(SystemReason) {
      if try FileFacts(path: path).kind == .folder { return }
    } catch  where !error.isAbsence {
      throw DatasetError(.missing, "the folder \(path) cannot be opened: \(error)")
    } catch {
      throw DatasetError(.missing, "there is no folder \(path): \(remedy)")
    }
    throw DatasetError(.missing, "\(path) is not a folder: \(remedy)")
  }

  /// What the folder of the validation images may be called.
  static let validationNames = ["validation", "val", "valid"]

  private static func isFolder(_ path: String) -> Bool {
    (try? FileFacts(path: path).kind) == .folder
  }

  /// The parts of a set in which `classes`, the names in a folder, are no classes but the set is
  /// split already; nil where they look like classes.
  package static func parts(among classes: [String]) -> [String]? {
    let parts = classes.filter { (["train", "test"] + validationNames).contains($0.lowercased()) }
    return parts.count > 1 && parts.contains { $0.lowercased() == "train" } ? parts : nil
  }

  private static func validationFolder(of root: String) throws(DatasetError) -> String {
    let names = validationNames.filter { isFolder(joined(root, $0)) }
    if names.count > 1 {
      throw DatasetError(
        .invalid,
        "\(root) has the folders \(names.joined(separator: " and ")), and only one of them can hold "
          + "the validation images; remove or rename the other")
    }
    guard let name = names.first else {
      throw DatasetError(
        .missing,
        "there is no folder \(joined(root, "validation")) (nor val or valid): move some images of every "
          + "class there, or let `avp-dist prepare` split the set")
    }
    return name
  }

  private static func classesDiffer(
    _ train: [String], _ validation: [String], _ root: String, _ validationName: String
  ) -> DatasetError {
    func missing(_ names: [String], from others: [String], folder: String) -> String? {
      let absent = names.filter { name in !others.contains { haveEqualBytes($0, name) } }
      return absent.isEmpty
        ? nil : "\(folder) lacks \(absent.map { "'\($0)'" }.joined(separator: ", "))"
    }
    let differences = [
      missing(train, from: validation, folder: joined(root, validationName)),
      missing(validation, from: train, folder: joined(root, "train")),
    ].compactMap { $0 }.joined(separator: ", and ")
    // As strings they are equal then.
    let hint =
      Set(train) == Set(validation)
      ? " (the same letters in other Unicode characters, as archives of a Mac have them)" : ""
    return DatasetError(
      .invalid,
      "the classes for training and validation differ: \(differences)\(hint); both need the same "
        + "class folders")
  }
}

extension DatasetManifest {
  /// Equal for sets of equal classes, names, labels and sizes: 16 hexadecimal digits.
  package var fingerprint: String { padded(hash, digits: 16, radix: 16) }

  /// The number that ``fingerprint`` shows: the 64-bit FNV-1a hash (Fowler, Noll and Vo) of the list:
  /// each class name and then each sample's path, label and size, every text ended by a zero byte,
  /// each of the three lists by a one byte.
  ///
  /// A SHA-256 would need no code of its own, but the fingerprint is in every model and checkpoint,
  /// whose bytes do not change between versions for the same settings, and a run is resumed only on
  /// the list that its checkpoint names. It guards against mistakes, not against people.
  package var hash: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    func add(_ text: String) {
      for byte in text.utf8 { add(byte) }
      add(0 as UInt8)
    }
    for name in classes { add(name) }
    add(1 as UInt8)
    for samples in [train, validation] {
      for sample in samples {
        add(sample.path)
        add(String(sample.label))
        add(String(sample.bytes))
      }
      add(1 as UInt8)
    }
    return hash
  }

  /// What is wrong with a sample's file on this host.
  package struct UnreadableSample: Codable, Equatable, Sendable, CustomStringConvertible {
    /// The file.
    package let path: String
    /// Why it cannot be used.
    package let reason: String
    /// The file and the reason.
    package var description: String { "\(path): \(reason)" }
  }

  /// The samples whose files are not below `root` on this host, cannot be read, or have another
  /// size than the list says. It does not open them.
  package static func unreadable(
    samples: some Sequence<Sample>, root: String
  ) -> [UnreadableSample] {
    samples.compactMap { sample in
      let path = joined(root, sample.path)
      do throws(ImageRefusal) {
        _ = try imageFileSize(path: path, expected: sample.bytes)
        return nil
      } catch {
        return UnreadableSample(path: path, reason: error.reason)
      }
    }
  }
}
