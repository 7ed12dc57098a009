import Collectives
import Head
import ImageData
import Scoring

/// The validation images, split over the ranks without padding or repetition. They are not
/// augmented, so their features are computed once and held in memory.
struct ValidationSet {
  /// This rank's images of each round, as many rounds on every rank.
  let rounds: [[FeatureRequest]]
  /// The images of all ranks that were left out.
  private(set) var skipped = PathSet()
  /// Whether the features are at hand.
  private(set) var isComplete = false

  private let communicator: any Communicator
  /// The images of all ranks.
  let count: Int
  private let roundSize: Int
  private var features: [[Float]] = []
  private var labels: [Int] = []
  private var ownSkipped: [String] = []

  /// - Parameter roundSize: how many images all ranks together take a round.
  init(_ samples: [Sample], roundSize: Int, _ communicator: any Communicator) {
    self.communicator = communicator
    count = samples.count
    self.roundSize = roundSize
    let sampler = Sampler(count: samples.count, globalBatch: roundSize, seed: 0)
    rounds = (0..<sampler.stepsPerEpoch).map { round in
      sampler.slice(step: round, rank: communicator.rank, worldSize: communicator.worldSize)
        .map { FeatureRequest(sample: samples[$0], index: $0, view: nil) }
    }
  }

  /// How many images the first `rounds` rounds have, over all ranks.
  func count(ofRounds rounds: Int) -> Int { min(count, rounds * roundSize) }

  /// Takes the features of this rank's images of one round.
  mutating func add(_ answers: [FeatureAnswer]) {
    for answer in answers {
      let sample = answer.request.sample
      guard let vector = answer.features else {
        ownSkipped.append(sample.path)
        continue
      }
      features.append(vector)
      labels.append(sample.label)
    }
  }

  /// Learns, behind the last round, which images other ranks left out. Collective.
  mutating func complete() throws(CollectiveError) {
    skipped = try communicator.union(ofPaths: ownSkipped)
    isComplete = true
  }

  /// Label and logits of each of this rank's images that were not left out.
  func outputs(_ head: HeadParameters) -> [(label: Int, logits: [Double])] {
    Array(zip(labels, head.logits(of: features)))
  }

  /// Loss and accuracy of `head` over the images of all ranks. Collective.
  func evaluate(_ head: HeadParameters) throws -> Metrics {
    try evaluate(head, withClasses: false).metrics
  }

  /// The same, with macro F1 where `withClasses` asks for it. Collective.
  func evaluate(
    _ head: HeadParameters, withClasses: Bool
  ) throws -> (metrics: Metrics, macroF1: Double?) {
    let classes = head.shape.classes
    var tally = ExactTally(capacity: max(1, count))
    var counts = [Int64](repeating: 0, count: withClasses ? classes * classes : 0)
    for (label, logits) in outputs(head) {
      tally.add(logits: logits, label: label)
      if withClasses { counts[label * classes + predictedClass(ofLogits: logits)] += 1 }
    }
    try communicator.allreduce(&tally.values, .sum)
    if withClasses { try communicator.allreduce(&counts, .sum) }
    guard withClasses else { return (try tally.metrics(), nil) }
    let confusion = stride(from: 0, to: counts.count, by: classes).map {
      counts[$0..<$0 + classes].map(Int.init)
    }
    return (try tally.metrics(), ConfusionFigures(confusion: confusion).macroF1)
  }
}
