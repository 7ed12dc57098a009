import Tensors

/// How strongly training images are varied.
package struct Augmentation: Codable, Equatable, Sendable {
  /// The largest shear angle to either side, in degrees, 0 up to (not including) 90.
  package var shear: Double
  /// The largest deviation of a zoom factor from 1, from 0 up to (not including) 1.
  package var zoom: Double
  /// How often images are mirrored, a probability from 0 to 1.
  package var horizontalFlip: Double
  /// The numbers of further operations by their names; nil, as in records of versions without them,
  /// for none.
  private var operations: [String: [Double]]?

  /// Takes the numbers as they are; see the properties for their ranges. The operations' are texts as
  /// options have them.
  package init(
    shear: Double, zoom: Double, horizontalFlip: Double, _ operations: [String: String] = [:]
  ) {
    self.shear = shear
    self.zoom = zoom
    self.horizontalFlip = horizontalFlip
    for (name, text) in operations { self[name] = text }
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    shear = try values.decode(Double.self, forKey: .shear)
    zoom = try values.decode(Double.self, forKey: .zoom)
    horizontalFlip = try values.decode(Double.self, forKey: .horizontalFlip)
    operations = try values.decodeIfPresent([String: [Double]].self, forKey: .operations)
    for (name, numbers) in operations ?? [:] {
      guard let operation = AugmentationOperation.named(name), operation.allows(numbers) else {
        throw DecodingError.dataCorruptedError(
          forKey: .operations, in: values, debugDescription: "\(name) with \(numbers)")
      }
    }
  }

  /// Whether there are more operations than shear, zoom and mirror images.
  package var hasOperations: Bool { operations != nil }

  /// The numbers of the operation `name` as its option has them; "0", or its first word, for none.
  /// What is no such text is passed over.
  package subscript(name: String) -> String {
    get { AugmentationOperation.named(name)?.text(operations?[name]) ?? "0" }
    set {
      guard let numbers = AugmentationOperation.named(name)?.numbers(newValue) else { return }
      var all = operations ?? [:]
      all[name] = numbers.isEmpty ? nil : numbers
      operations = all.isEmpty ? nil : all
    }
  }

  /// The operations with their numbers, in the order in which they act.
  var active: [(operation: AugmentationOperation, numbers: [Double])] {
    guard let operations else { return [] }
    return AugmentationOperation.all.compactMap { operation in
      operations[operation.name].map { (operation, $0) }
    }
  }

  /// The operations in words: " rotation 10 blur 0.5"; empty for none.
  package var words: String { active.map { " \($0.name) \($0.text($1))" }.joined() }
}

/// What `--augment` stands for.
package enum AugmentationLevel: String, CaseIterable, Sendable {
  case none
  /// The article's.
  case article
  /// A mirror image of a part of at least half the area.
  case light
  /// What torchvision trains its newer weights with.
  case strong
  /// None of these.
  case own

  package static let allCases: [Self] = [.none, .article, .light, .strong]

  /// How strongly images are varied; nil for not at all.
  package var augmentation: Augmentation? {
    switch self {
    case .none, .own: nil
    case .article: Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5)
    case .light:
      Augmentation(shear: 0, zoom: 0, horizontalFlip: 0.5, ["random-resized-crop": "0.5"])
    case .strong:
      Augmentation(
        shear: 0, zoom: 0, horizontalFlip: 0.5,
        ["random-resized-crop": "0.08", "auto-augment": "trivial", "random-erasing": "0.1"])
    }
  }
}
