import ImageData
import Settings

/// The options that draw parts of a set from its training images.
package struct PartSettings: SettingsGroup {
  package var validation = 0.0
  package var test = 0.0
  package var seed: UInt64 = 0

  package init() {}

  init(_ shares: PartShares?) {
    let shares = shares ?? PartShares()
    (validation, test, seed) = (shares.validation, shares.test, shares.seed)
  }

  /// What to draw; nil for nothing.
  package var shares: PartShares? {
    let shares = PartShares(validation: validation, test: test, seed: seed)
    return shares == PartShares() ? nil : shares
  }

  package static let settings: [Setting<Self>] = {
    let group = "Images"
    return [
      Setting(
        "validation-split", \.validation, "X", in: .from(0, to: 0.99),
        "share of the training images that validates instead", group: group, role: .numbers),
      Setting(
        "test-split", \.test, "X", in: .from(0, to: 0.99),
        "share of the training images that is kept for `evaluate --split test`", group: group,
        role: .numbers),
      Setting(
        "split-seed", \.seed, "N", in: .from(0, to: UInt64(Int.max)),
        "another seed draws other images into the parts", group: group, role: .numbers),
    ]
  }()

  package mutating func settle(given: Set<String>) throws(UsageError) {
    guard validation + test < 1 else {
      throw UsageError("--validation-split and --test-split leave no training images.")
    }
    if given.contains("split-seed"), validation + test == 0 {
      throw UsageError("--split-seed has no effect without --validation-split or --test-split.")
    }
  }
}
