import FileIO

extension DatasetManifest {
  /// Lists the labelled images of a table, class by class and then by the bytes of their paths.
  ///
  /// - Parameters:
  ///   - file: the table; paths are relative to its folder.
  ///   - wish: what becomes of the parts.
  ///   - whileScanning: called with each file before it is looked at.
  /// - Throws: ``DatasetError`` with lines where images have no label or are named twice, some have a
  ///   part and others none, a group is in two parts, files are missing, or there are fewer than two
  ///   classes.
  package static func scan(
    _ file: ManifestFile, _ wish: PartWish = PartWish(),
    whileScanning: (_ path: String) -> Void = { _ in }
  ) throws(DatasetError) -> DatasetManifest {
    try check(file)
    let rows = file.rows.sorted { bytesPrecede($0.path, $1.path) }
    let classes = sortedByBytes(Set(rows.compactMap(\.label)))
    guard classes.count > 1 else {
      throw DatasetError(
        .invalid,
        "\(file.path) names \(classes.isEmpty ? "no class" : "only the class '\(classes[0])'"), and a "
          + "classifier needs at least 2")
    }
    let labels = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
    let sizes = try sizes(of: rows, in: file, listsMissing: wish.isInspection, whileScanning)
    var parts: [Part: [Sample]] = [:]
    for (row, bytes) in zip(rows, sizes) {
      parts[row.part ?? .train, default: []].append(
        Sample(
          path: row.path, label: row.label.flatMap { labels[$0] } ?? 0, bytes: bytes,
          digest: row.digest, group: row.group))
    }
    let present = Set(file.rows.compactMap(\.part))
    let manifest = DatasetManifest(
      classes: classes, train: inOrder(parts[.train] ?? []),
      validation: inOrder(parts[.validation] ?? []), test: inOrder(parts[.test] ?? [])
    )
    try manifest.checkTraining(wish, file)
    return try manifest.fulfilling(wish, of: file.path, present: present)
  }

  /// Refuses a table whose rows do not fit each other.
  private static func check(_ file: ManifestFile) throws(DatasetError) {
    func refused(_ row: ManifestFile.Row, _ reason: String) -> DatasetError {
      DatasetError(.invalid, "\(file.path), line \(row.line): \(reason)")
    }
    var lines: [String: Int] = [:]
    var groups: [String: ManifestFile.Row] = [:]
    for row in file.rows {
      guard row.label != nil else { throw refused(row, "no label") }
      if let line = lines.updateValue(row.line, forKey: row.path) {
        throw refused(row, "the image of line \(line) again")
      }
      if let first = file.rows.first, (first.part == nil) != (row.part == nil) {
        throw refused(
          row,
          "\(row.part == nil ? "no part, and one" : "a part, and none") in line \(first.line); either "
            + "all images have one or none")
      }
      guard let group = row.group else { continue }
      if let other = groups[group], other.part != row.part, let part = row.part {
        throw refused(
          row,
          "the group \(quoted(group)) in the part \(part.rawValue), and in line \(other.line) in "
            + "another; a group must not be torn apart")
      }
      groups[group] = row
    }
    // As strings "é" of one character and "é" of two are equal, as classes they would not be.
    let labels = Set(file.rows.compactMap(\.label))
    let bytes = Set(file.rows.compactMap { $0.label.map { Array($0.utf8) } })
    guard labels.count == bytes.count else {
      throw DatasetError(
        .invalid,
        "\(file.path) has two labels that are the same letters in different Unicode characters")
    }
  }

  /// The sizes of all files; those that are not there are named together, or have 0 bytes.
  private static func sizes(
    of rows: [ManifestFile.Row], in file: ManifestFile, listsMissing: Bool,
    _ whileScanning: (String) -> Void
  ) throws(DatasetError) -> [Int] {
    var missing: [String] = []
    let root = folder(file.path)
    var sizes: [Int] = []
    for row in rows {
      let path = Sample(path: row.path, label: 0, bytes: 0).file(in: root)
      whileScanning(path)
      do throws(SystemReason) {
        let facts = try FileFacts(path: path)
        sizes.append(facts.bytes)
        if facts.kind != .file { missing.append("line \(row.line): \(path) is not a file") }
      } catch {
        missing.append("line \(row.line): \(path) (\(error))")
        sizes.append(0)
      }
    }
    guard !missing.isEmpty && !listsMissing else { return sizes }
    let more = missing.count > 5 ? "\n  and \(missing.count - 5) more" : ""
    throw DatasetError(
      .missing,
      "\(missing.count) of \(rows.count) images of \(file.path) cannot be used; paths are relative to "
        + "its folder:\n  " + missing.prefix(5).joined(separator: "\n  ") + more)
  }

  /// Refuses a set with parts where a class cannot be learnt.
  private func checkTraining(_ wish: PartWish, _ file: ManifestFile) throws(DatasetError) {
    guard wish.needed.contains(.validation), !train.isEmpty || !validation.isEmpty else { return }
    let learnt = Set(train.map(\.label))
    if let label = classes.indices.first(where: { !learnt.contains($0) }) {
      throw DatasetError(
        .invalid, "\(file.path) has no training images of the class '\(classes[label])'")
    }
  }
}
