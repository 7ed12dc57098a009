import FileIO
import Foundation
import ImageData
import Settings

/// How much the images of a class count.
package enum ClassWeights: Codable, Equatable, Sendable {
  /// N / (C n) for a class with n of N images of C classes, as scikit-learn's `balanced`.
  case balanced
  /// A weight for each class, by name.
  case named([String: Double])

  /// The weight of each class of a set.
  ///
  /// - Throws: ``UsageError`` where the names are not those of the set.
  package func values(for manifest: DatasetManifest) throws(UsageError) -> [Double] {
    switch self {
    case .balanced:
      let total = Double(manifest.train.count)
      return manifest.counts(.train).map {
        total / Double(manifest.classes.count * max(1, $0))
      }
    case .named(let weights):
      if let stranger = sortedByBytes(weights.keys).first(where: { !manifest.classes.contains($0) })
      {
        throw UsageError("--class-weights names the class '\(stranger)', which the images lack.")
      }
      if let missing = manifest.classes.first(where: { weights[$0] == nil }) {
        throw UsageError("--class-weights has no weight for the class '\(missing)'.")
      }
      return manifest.classes.compactMap { weights[$0] }
    }
  }
}

extension ClassWeights: SettingValue {
  package static let placeholder = "balanced|FILE.json"

  /// `balanced`, or the path of a JSON object of a number for each class, above 0 and up to 1,000.
  package init?(written text: String) {
    if text == "balanced" {
      self = .balanced
      return
    }
    guard let bytes = try? readFile(text, limit: 1 << 24),
      let weights = try? JSONDecoder().decode([String: Double].self, from: Data(bytes)),
      weights.values.allSatisfy({ $0 > 0 && $0 <= 1_000 })
    else { return nil }
    self = .named(weights)
  }

  package var written: String {
    switch self {
    case .balanced: "balanced"
    case .named(let weights):
      sortedByBytes(weights.keys).map { "\($0) \(weights[$0]?.written ?? "")" }
        .joined(separator: ", ")
    }
  }
}
