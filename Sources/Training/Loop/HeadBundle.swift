import Head
import ImageData

/// The heads that a run trains together on one stream of features: usually one; one more for each
/// fold of a cross-validation; in a sweep these for each of its settings.
///
/// Each head has the bits that it would have alone.
package struct HeadBundle: Sendable {
  /// One head.
  package struct Member: Sendable {
    /// Its settings; what is not about the head is the same for all members.
    package let configuration: TrainingConfiguration
    /// The fold of the training images that it does not see; nil where it sees all of them.
    package let fold: Int?
    let loss: HeadLoss
    let schedule: LearningRateSchedule
  }

  /// The heads; the first one sees all images.
  package let members: [Member]
  /// The fold of each training image, by index; empty where there are none.
  package let folds: [Int]

  /// One head that sees all images.
  ///
  /// - Precondition: nothing of `configuration` depends on the images.
  /// - Throws: ``HeadError`` for settings that no head can have.
  package init(_ configuration: TrainingConfiguration) throws(HeadError) {
    precondition(configuration.classWeights == nil && configuration.folds == nil)
    members = [try Self.member(configuration, fold: nil, weights: nil)]
    folds = []
  }

  /// The heads of `settings`, each followed by those that are blind to one fold.
  ///
  /// - Parameter settings: at least one; with the same `folds`, `seed` and `epochs`.
  /// - Throws: `UsageError` for class weights of other classes, ``DatasetError`` for sets that are too
  ///   small to be folded, ``HeadError`` for settings that no head can have.
  package init(_ settings: [TrainingConfiguration], manifest: DatasetManifest) throws {
    let count = settings[0].folds
    folds = try count.map { try manifest.folds($0, seed: settings[0].seed) } ?? []
    members = try settings.flatMap { configuration in
      let weights = try configuration.classWeights?.values(for: manifest)
      return try ([nil] + (0..<(count ?? 0)).map { $0 as Int? }).map { fold in
        try Self.member(configuration, fold: fold, weights: weights)
      }
    }
  }

  private static func member(
    _ configuration: TrainingConfiguration, fold: Int?, weights: [Double]?
  ) throws(HeadError) -> Member {
    var loss = HeadLoss()
    loss.smoothing = configuration.labelSmoothing
    loss.dropout = configuration.dropout
    loss.classWeights = weights
    loss.mixup = configuration.mixup
    return Member(
      configuration: configuration, fold: fold, loss: loss,
      schedule: try configuration.learningRateSchedule())
  }

  /// Whether the heads have different settings.
  package var isSweep: Bool { members.count { $0.fold == nil } > 1 }

  /// How many samples a head's sums must hold: those of a step, or of an epoch where it takes a step an
  /// epoch.
  func capacity(of number: Int, _ globalBatch: Int, _ trainCount: Int) -> Int {
    members[number].configuration.optimizer.takesWholeEpochs
      ? max(globalBatch, trainCount) : globalBatch
  }

  /// The most bytes that the heads of a bundle may take: what ranks can send each other at once.
  static let byteLimit = 2 << 30

  /// Checks that heads for features of this length fit into memory and messages.
  ///
  /// - Throws: ``HeadError/setting(_:)``.
  func checkSize(features: Int, classes: Int) throws(HeadError) {
    guard members.count > 1 else { return }
    var bytes = 0
    for member in members {
      let count = try HeadShape(
        features: features, hidden: member.configuration.hidden, classes: classes
      ).parameterCount
      let memory = member.configuration.optimizer.rule.memory(parameterCount: count)
      bytes += 4 * (count + memory.first + memory.second)
      guard bytes <= Self.byteLimit else {
        throw .setting(
          "the \(members.count) heads take more than \(Self.byteLimit >> 30) GiB; use fewer settings, "
            + "folds or hidden units")
      }
    }
  }

  /// The number of the head of a setting, counted from 0, that sees all images.
  package func head(ofSetting setting: Int) -> Int {
    setting * (1 + (members[0].configuration.folds ?? 0))
  }

  /// Which setting, counted from 0, a head has.
  package func setting(of number: Int) -> Int {
    number / (1 + (members[0].configuration.folds ?? 0))
  }

  /// Whether rank `rank` of `worldSize` trains head `number`. The first one is trained by all.
  func isOwned(_ number: Int, by rank: Int, of worldSize: Int) -> Bool {
    number == 0 || number % worldSize == rank
  }
}
