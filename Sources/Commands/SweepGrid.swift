import Foundation
import Head
import Settings
import Tensors
import Training

/// The settings that a sweep tries: all combinations of the values that were given, or some of them.
struct SweepGrid: Sendable {
  /// The options that may have a list of values, by name.
  static let names = [
    "hidden", "optimizer", "lr", "weight-decay", "momentum", "schedule", "step-epochs",
    "step-factor", "warmup-epochs", "dropout", "label-smoothing", "mixup", "class-weights",
    "standardise",
  ]

  /// The declarations of these options.
  static var listable: [Setting<TrainingConfiguration>] {
    TrainingConfiguration.settings.filter { names.contains($0.facts.name) }
  }

  /// What is tried where no option has a list: what did best on several small sets
  /// (docs/accuracy.md), with five strengths of mixing.
  static let usual = [
    "standardise": ["yes"], "schedule": ["cosine"], "mixup": ["0.1", "0.2", "0.4", "0.7", "1"],
  ]
  /// The epochs of these.
  static let usualEpochs = 30

  /// The most heads that are trained together.
  static let headLimit = 10_000

  /// One combination: the values of the options with more than one, and the settings with them.
  struct Point: Sendable {
    let values: [String]
    let configuration: TrainingConfiguration
  }

  /// The options with more than one value, in the order of their declaration.
  let varied: [String]
  let points: [Point]

  /// The combinations of `lists` on `base`.
  ///
  /// - Parameters:
  ///   - given: the options that were given, for what settings check together.
  ///   - random: how many to draw; nil for all.
  init(
    _ lists: [String: [String]], on base: TrainingConfiguration, given: Set<String>, random: Int?
  ) throws(UsageError) {
    let settings = Self.listable.filter { lists[$0.facts.name] != nil }
    let count = settings.reduce(1.0) { $0 * Double(lists[$1.facts.name]?.count ?? 1) }
    let heads = min(count, random.map(Double.init) ?? count) * Double(1 + (base.folds ?? 0))
    guard count <= 1e6, heads <= Double(Self.headLimit) else {
      throw UsageError(
        "These lists make \(Int(min(count, 1e15))) combinations, which with their folds need more "
          + "than \(Self.headLimit) heads; give fewer values, or draw fewer with --random N.")
    }
    var combinations: [[String]] = [[]]
    for setting in settings {
      let values = lists[setting.facts.name] ?? []
      combinations = combinations.flatMap { start in values.map { start + [$0] } }
    }
    if let random, random < combinations.count {
      var generator = CounterRandom(seed: base.seed, purpose: .sweep)
      var order = Array(combinations.indices)
      order.shuffle(using: &generator)
      combinations = order.prefix(random).sorted().map { combinations[$0] }
    }
    let isVaried = settings.map { (lists[$0.facts.name]?.count ?? 1) > 1 }
    varied = zip(settings, isVaried).filter(\.1).map(\.0.facts.name)
    var points: [Point] = []
    for values in combinations {
      var configuration = base
      for (setting, value) in zip(settings, values) {
        try setting.apply(value, to: &configuration)
      }
      try configuration.settle(given: given)
      points.append(
        Point(
          values: zip(values, isVaried).filter(\.1).map(\.0), configuration: configuration))
    }
    self.points = points
    let whole = Set(points.map(\.configuration.optimizer.takesWholeEpochs))
    guard whole.count == 1 else {
      throw UsageError(
        "--optimizer lbfgs takes a step an epoch and many epochs, the others do not; sweep them in "
          + "two runs.")
    }
  }
}
