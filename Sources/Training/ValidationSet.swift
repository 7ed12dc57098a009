import Collectives
import Head
import ImageData

/// The validation pictures, split over the ranks without padding or repetition. They are not augmented,
/// so their features are computed once and kept.
struct ValidationSet {
  /// This rank's pictures.
  let requests: [FeatureRequest]
  /// The pictures of all ranks that were left out, by path.
  private(set) var skipped: Set<String> = []
  /// Whether the features are at hand.
  private(set) var isComplete = false

  private let communicator: any Communicator
  private let count: Int
  private var features: [[Float]] = []
  private var labels: [Int] = []

  init(_ samples: [Sample], _ communicator: any Communicator) {
    self.communicator = communicator
    count = samples.count
    let share = Sampler.share(
      of: samples.count, rank: communicator.rank, worldSize: communicator.worldSize)
    requests = share.map { FeatureRequest(sample: samples[$0], index: $0, view: nil) }
  }

  /// Takes the features of this rank's pictures and learns which pictures other ranks left out.
  /// Collective.
  mutating func complete(with answers: [AnsweredRequest]) throws {
    var own: [String] = []
    for answer in answers {
      switch answer.result {
      case .features(let vector):
        features.append(vector)
        labels.append(answer.request.sample.label)
      case .skipped(let path): own.append(path)
      }
    }
    for list in try communicator.allgather(Array(own.joined(separator: "\n").utf8)) {
      skipped.formUnion(
        String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init))
    }
    isComplete = true
  }

  /// Label and predicted class of each of this rank's pictures.
  func predictions(_ head: HeadParameters) -> [(label: Int, prediction: Int)] {
    zip(labels, head.logits(of: features)).map { ($0, predictedClass(ofLogits: $1)) }
  }

  /// Loss and accuracy of `head` over the pictures of all ranks. Collective.
  func evaluate(_ head: HeadParameters) throws -> Metrics {
    var tally = ExactTally(capacity: max(1, count))
    for (logits, label) in zip(head.logits(of: features), labels) {
      tally.add(logits: logits, label: label)
    }
    try communicator.allreduce(&tally.values, .sum)
    return try tally.metrics()
  }
}
