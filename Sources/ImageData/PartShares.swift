import FileIO

/// The parts of a set.
package enum Part: String, Codable, CaseIterable, Sendable {
  case validation, train, test

  /// The part that a folder or a column calls `name`; nil for another word.
  package init?(name: String) {
    switch name {
    case "train": self = .train
    case _ where DatasetManifest.validationNames.contains(name): self = .validation
    case "test": self = .test
    default: return nil
    }
  }
}

/// Which shares of the training images become the other parts of a set, without any copying.
///
/// Each image is drawn by itself: a number from 0 to 1 that follows from the seed and from the
/// image's path, or from the group that it belongs to, decides. So an image stays where it is
/// whatever else is added or removed, and those of a group are on one side. In each class the parts
/// have these shares up to chance.
package struct PartShares: Codable, Equatable, Sendable {
  /// The share of validation images.
  package var validation = 0.0
  /// The share of test images.
  package var test = 0.0
  /// Another one draws other images.
  package var seed: UInt64 = 0

  /// Nothing becomes another part.
  package init(validation: Double = 0, test: Double = 0, seed: UInt64 = 0) {
    self.validation = validation
    self.test = test
    self.seed = seed
  }

  /// The part of an image of `group`, or that of the image at `path` if it belongs to none.
  ///
  /// The number is the first 8 bytes of the SHA-256 of the line "SEED path PATH" or "SEED group
  /// GROUP", the first byte highest, by 2⁶⁴. Below ``test`` is the test part, and from there on up to
  /// the sum of both shares validation: so another share of the one leaves the images of test alone.
  package func part(path: String, group: String? = nil) -> Part {
    let key = group.map { "\(seed) group \($0)" } ?? "\(seed) path \(path)"
    let bits = SHA256.Digest(of: Array(key.utf8)).bytes.prefix(8).reduce(0 as UInt64) {
      $0 << 8 | UInt64($1)
    }
    let number = Double(bits >> 11) * 0x1p-53
    return number < test ? .test : number < test + validation ? .validation : .train
  }
}

extension PartShares {
  /// The share of a part.
  package subscript(part: Part) -> Double {
    switch part {
    case .validation: validation
    case .test: test
    case .train: 1 - validation - test
    }
  }
}

/// What a command wants of a set's parts.
package struct PartWish: Sendable {
  /// The parts that must be there besides the training images.
  package var needed: Set<Part>
  /// Whether everything is looked at: test images in a folder of their own, too, and files that
  /// cannot be reached or have names that are no text, at which other commands end.
  package var isInspection: Bool
  /// Which shares of the training images become other parts; nil for none.
  package var shares: PartShares?
  /// Whether the shares count only for parts that the set does not have by itself, as those of a
  /// model do; those that somebody has typed must have an effect.
  package var isFallback: Bool

  /// By default what training wants of a set that is split already.
  package init(
    needed: Set<Part> = [.validation], isInspection: Bool = false, shares: PartShares? = nil,
    isFallback: Bool = false
  ) {
    self.needed = needed
    self.isInspection = isInspection
    self.shares = shares
    self.isFallback = isFallback
  }

  /// Whether test images are listed where they are in a folder of their own.
  var listsTest: Bool { isInspection || needed.contains(.test) }

  /// Whether a part is needed that is not drawn from the training images.
  func needsOwn(_ part: Part) -> Bool { needed.contains(part) && (shares?[part] ?? 0) == 0 }
}

extension DatasetManifest {
  /// The set with its parts as they are wanted.
  ///
  /// - Parameters:
  ///   - name: what messages call the set.
  ///   - present: the parts that it has by itself.
  func fulfilling(
    _ wish: PartWish, of name: String, present: Set<Part>
  ) throws(DatasetError) -> DatasetManifest {
    var shares = wish.shares ?? PartShares()
    for part in [Part.validation, .test] where present.contains(part) && shares[part] > 0 {
      guard wish.isFallback else {
        throw DatasetError(
          .invalid,
          "\(name) has \(part.rawValue) images of its own; leave out --\(part.rawValue)-split")
      }
      if part == .test { shares.test = 0 } else { shares.validation = 0 }
    }
    let result =
      shares.validation + shares.test > 0 ? try split(shares, of: name) : self
    for part in [Part.validation, .test]
    where wish.needed.contains(part) && result[part].isEmpty {
      throw DatasetError(
        .missing,
        "\(name) has no \(part.rawValue) images; --\(part.rawValue)-split 0.2 draws a share of the "
          + "training images")
    }
    return result
  }

  /// The set with `shares` of its training images in the other parts.
  ///
  /// - Throws: ``DatasetError`` where a class would have nothing to train on, or nothing would be
  ///   left to validate with.
  func split(
    _ shares: PartShares, of name: String
  ) throws(DatasetError) -> DatasetManifest {
    let parts = train.map { shares.part(path: $0.path, group: $0.group) }
    func drawn(_ part: Part) -> [Sample] {
      zip(train, parts).filter { $0.1 == part }.map(\.0)
    }
    var result = self
    result.train = drawn(.train)
    // Each class in one stretch, as of folders, also where both have images.
    result.validation = Self.inOrder(validation + drawn(.validation))
    result.test = Self.inOrder(test + drawn(.test))
    for (part, share) in [(Part.validation, shares.validation), (.test, shares.test)]
    where share > 0 && result[part].isEmpty {
      throw DatasetError(
        .invalid,
        "--\(part.rawValue)-split \(share) leaves no \(part.rawValue) images of \(name), which has "
          + "\(train.count) images; use a larger share, or another --split-seed")
    }
    let left = Set(result.train.map(\.label))
    if let empty = classes.indices.first(where: { !left.contains($0) }) {
      throw DatasetError(
        .invalid,
        "no training images are left of the class '\(classes[empty])' of \(name), which has "
          + "\(train.count { $0.label == empty }) images; use smaller shares, or another --split-seed"
      )
    }
    return result
  }

  /// Samples class by class, and otherwise as they come.
  static func inOrder(_ samples: [Sample]) -> [Sample] {
    samples.enumerated().sorted { ($0.element.label, $0.offset) < ($1.element.label, $1.offset) }
      .map(\.element)
  }
}
