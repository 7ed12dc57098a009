import FileIO

/// One labelled image of a set.
package struct Sample: Codable, Equatable, Sendable {
  /// Where it lies, relative to the set's root, with "/" between folders; from a table also from the
  /// root of the file system on.
  package let path: String
  /// The position of its class among the classes.
  package let label: Int
  /// The size of the file.
  package let bytes: Int
  /// The SHA-256 that its content must have, in hexadecimal digits; nil where nobody says.
  package var digest: String?
  /// What must not be torn apart when parts are drawn; nil for an image by itself.
  package var group: String?

  /// A sample with its facts.
  package init(
    path: String, label: Int, bytes: Int, digest: String? = nil, group: String? = nil
  ) {
    self.path = path
    self.label = label
    self.bytes = bytes
    self.digest = digest
    self.group = group
  }

  /// The file, of a set whose paths are relative to `root`.
  package func file(in root: String) -> String {
    path.hasPrefix("/") ? path : joined(root, path)
  }
}

/// The list of all images of a set, which rank 0 makes and all ranks share.
package struct DatasetManifest: Codable, Equatable, Sendable {
  /// The class names, sorted by their UTF-8 bytes; a sample's label is a position in them.
  package let classes: [String]
  /// The training images, class by class, in the order of torchvision's `ImageFolder`.
  package internal(set) var train: [Sample]
  /// The validation images, in the same order.
  package internal(set) var validation: [Sample]
  /// The test images, in the same order, which training never looks at; none where nobody has asked
  /// for them.
  package internal(set) var test: [Sample]
  /// What else lies in the set's folders.
  package let leftOut: LeftOut
  /// A list of known images.
  package init(
    classes: [String], train: [Sample], validation: [Sample], test: [Sample] = [],
    leftOut: LeftOut = LeftOut()
  ) {
    self.classes = classes
    self.train = train
    self.validation = validation
    self.test = test
    self.leftOut = leftOut
  }

  /// The images of one part.
  package subscript(part: Part) -> [Sample] {
    switch part {
    case .train: train
    case .validation: validation
    case .test: test
    }
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
      let path = sample.file(in: root)
      do throws(ImageRefusal) {
        _ = try imageFileSize(path: path, expected: sample.bytes)
        return nil
      } catch {
        return UnreadableSample(path: path, reason: error.reason)
      }
    }
  }
}

extension DatasetManifest {
  /// How many times as many images the largest class may have as the smallest one before a
  /// run warns: beyond it, always guessing the large class is right so often that the small one is
  /// hardly learnt.
  package static let imbalanceLimit = 10

  /// How many images of each class a part has.
  package func counts(_ part: Part) -> [Int] {
    var counts = classes.map { _ in 0 }
    for sample in self[part] { counts[sample.label] += 1 }
    return counts
  }

  /// What may spoil a result and ends no run: a sentence each.
  package var remarks: [String] {
    var remarks: [String] = []
    let counts = counts(.train)
    if let most = counts.max(), let least = counts.min(),
      most > Self.imbalanceLimit * max(1, least),
      let large = counts.firstIndex(of: most), let small = counts.firstIndex(of: least)
    {
      remarks.append(
        "the class '\(classes[large])' has \(most) training images and '\(classes[small])' \(least); "
          + "above \(Self.imbalanceLimit) to 1 small classes are hardly learnt")
    }
    for part in [Part.validation, .test] where !self[part].isEmpty {
      let lacking = zip(classes, self.counts(part)).filter { $0.1 == 0 }.map { "'\($0.0)'" }
      guard !lacking.isEmpty else { continue }
      let more = lacking.count > 5 ? ", ..." : ""
      remarks.append(
        "no \(part.rawValue) images of \(lacking.prefix(5).joined(separator: ", "))\(more)")
    }
    return remarks
  }
}
