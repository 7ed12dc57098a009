import Collectives
import Head

/// The gradient of a global batch, summed exactly over all ranks, with the request of any rank to
/// stop.
///
/// Sums are 64-bit integers, so neither the order of the addition nor the method (``Exchange``) shows
/// in them; see ``ExactGradient``.
final class GradientExchange {
  private let method: Exchange
  private let empty: ExactGradient
  private let communicator: any Communicator
  private let stop: StopSignal
  private var skipped: [String] = []
  private var count = 0

  init(
    _ method: Exchange, shape: HeadShape, globalBatch: Int, communicator: any Communicator,
    stop: StopSignal
  ) {
    self.method = method.resolved(
      globalBatch: globalBatch, features: shape.features, parameters: shape.parameterCount)
    self.communicator = communicator
    self.stop = stop
    empty = ExactGradient(shape: shape, globalBatch: globalBatch)
  }

  /// The sums of the whole batch, of which `own` is this rank's part, at `head`; and whether any
  /// rank wants to stop after this step. Collective.
  func sum(
    _ own: [AnsweredRequest], at head: HeadParameters
  ) throws -> (gradient: ExactGradient, stops: Bool) {
    let samples = usable(own)
    let result =
      method == .features ? try sumGathered(samples, at: head) : try sumReduced(samples, at: head)
    count += result.gradient.sampleCount
    return result
  }

  /// The pictures of this rank that were left out since the last call.
  func takeSkipped() -> [String] {
    defer { skipped = [] }
    return skipped
  }

  /// The pictures summed over all ranks since the last call.
  func takeCount() -> Int {
    defer { count = 0 }
    return count
  }

  private typealias Samples = (features: [[Float]], labels: [Int])

  private func usable(_ batch: [AnsweredRequest]) -> Samples {
    var samples: Samples = ([], [])
    for answer in batch {
      switch answer.result {
      case .features(let features):
        samples.features.append(features)
        samples.labels.append(answer.request.sample.label)
      case .skipped: skipped.append(answer.request.sample.path)
      }
    }
    return samples
  }

  private func sumReduced(
    _ samples: Samples, at head: HeadParameters
  ) throws -> (gradient: ExactGradient, stops: Bool) {
    var gradient = empty
    gradient.add(features: samples.features, labels: samples.labels, at: head)
    gradient.values.append(stop.number == 0 ? 0 : 1)
    try communicator.allreduce(&gradient.values, .sum)
    let stopping = gradient.values.removeLast()
    return (gradient, stopping > 0)
  }

  private func sumGathered(
    _ samples: Samples, at head: HeadParameters
  ) throws -> (gradient: ExactGradient, stops: Bool) {
    var message = [UInt32(stop.number == 0 ? 0 : 1)]
    for (features, label) in zip(samples.features, samples.labels) {
      message.append(UInt32(label))
      message += features.map(\.bitPattern)
    }
    var all: Samples = ([], [])
    var stops = false
    for words in try communicator.allgather(numbers: message) {
      stops = stops || words.first != 0
      for start in stride(from: 1, to: words.count, by: head.shape.features + 1) {
        all.labels.append(Int(words[start]))
        all.features.append(
          words[start + 1...start + head.shape.features].map(Float.init(bitPattern:)))
      }
    }
    var gradient = empty
    gradient.add(features: all.features, labels: all.labels, at: head)
    return (gradient, stops)
  }

  /// Whether any rank wants to stop, where no gradient is summed. Collective.
  func anyRankStops() throws(CollectiveError) -> Bool {
    var requests = [stop.number == 0 ? 0 : 1 as Int64]
    try communicator.allreduce(&requests, .sum)
    return requests[0] > 0
  }
}

extension ExactGradient {
  /// How many samples the sums hold.
  var sampleCount: Int { Int(values[shape.parameterCount + 2]) }

  /// The mean gradient, or nil where no sample was summed.
  func meanUnlessEmpty() throws(HeadError) -> (gradient: [Float], metrics: Metrics)? {
    do {
      return try mean()
    } catch .noSamples {
      return nil
    }
  }
}
