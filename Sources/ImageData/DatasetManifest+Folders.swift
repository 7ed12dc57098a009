import FileIO

extension DatasetManifest {
  /// Lists the images of `root`: `train/CLASS/...`, `validation/CLASS/...` (or `val` or `valid`) and,
  /// where it is wanted, `test/CLASS/...`; or `CLASS/...` directly, all of them training images.
  ///
  /// See ``ClassFolders`` for what counts as a class and an image.
  ///
  /// - Parameters:
  ///   - wish: what becomes of the parts.
  ///   - whileScanning: called with each file and folder before it is looked at.
  /// - Throws: ``DatasetError`` where a folder is missing, several for validation are there, there
  ///   are fewer than two classes, a class is empty, or the classes of the folders differ.
  package static func scan(
    root: String, _ wish: PartWish = PartWish(),
    whileScanning: @escaping (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> DatasetManifest {
    try requireFolder(
      root, remedy: "name the image set with --data, or make one with `avp-dist demo-data`")
    let others = validationNames + ["test"]
    if !isFolder(joined(root, "train")), !wish.needsOwn(.validation),
      !others.contains(where: { isFolder(joined(root, $0)) })
    {
      let all = try ClassFolders.scan(
        root, isInspection: wish.isInspection, whileScanning: whileScanning)
      return try DatasetManifest(
        classes: all.classes, train: all.samples, validation: [], leftOut: all.leftOut
      ).fulfilling(wish, of: root, present: [])
    }
    try requireFolder(
      joined(root, "train"),
      remedy: "an image set needs train/CLASS/... and validation/CLASS/...; of a folder of class "
        + "folders --validation-split 0.2 draws the validation images, or `avp-dist prepare` copies "
        + "them")
    let train = try ClassFolders.scan(
      joined(root, "train"), prefix: "train/", isInspection: wish.isInspection,
      whileScanning: whileScanning)
    var leftOut = train.leftOut
    func images(_ name: String?) throws(DatasetError) -> [Sample] {
      guard let name else { return [] }
      let found = try ClassFolders.scan(
        joined(root, name), prefix: name + "/", minimumClasses: 1,
        isInspection: wish.isInspection, whileScanning: whileScanning)
      guard train.classes.elementsEqual(found.classes, by: haveEqualBytes) else {
        throw classesDiffer(train.classes, found.classes, root, name)
      }
      leftOut.add(found.leftOut)
      return found.samples
    }
    let validation = try validationFolder(of: root, isNeeded: wish.needsOwn(.validation))
    let validationImages = try images(validation)
    let hasTest = isFolder(joined(root, "test"))
    let testImages = try images(hasTest && wish.listsTest ? "test" : nil)
    if hasTest && !wish.listsTest { leftOut.add("test", LeftOut.unused) }
    var present: Set<Part> = hasTest ? [.test] : []
    if validation != nil { present.insert(.validation) }
    return try DatasetManifest(
      classes: train.classes, train: train.samples, validation: validationImages,
      test: testImages, leftOut: leftOut
    ).fulfilling(wish, of: root, present: present)
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

  private static func validationFolder(
    of root: String, isNeeded: Bool
  ) throws(DatasetError) -> String? {
    let names = validationNames.filter { isFolder(joined(root, $0)) }
    if names.count > 1 {
      throw DatasetError(
        .invalid,
        "\(root) has the folders \(names.joined(separator: " and ")), and only one of them can hold "
          + "the validation images; remove or rename the other")
    }
    guard let name = names.first ?? (isNeeded ? nil : "") else {
      throw DatasetError(
        .missing,
        "there is no folder \(joined(root, "validation")) (nor val or valid): move some images of every "
          + "class there, or let --validation-split 0.2 draw them from those in train")
    }
    return name.isEmpty ? nil : name
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
