import Collectives
import FileIO
import Head

/// The gradient of a global batch, summed exactly over all ranks, with the request of any rank to
/// stop.
///
/// Sums are 64-bit integers, so neither the order of the addition nor the method (``Exchange``) shows
/// in them; see ``ExactGradient``.
struct GradientExchange {
  private let method: Exchange
  private let empty: ExactGradient
  private let communicator: any Communicator
  private let stop: StopSignal

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

  /// The sums of the whole batch, of which `own` is this rank's part, at `head`, with the requests
  /// to stop after this step. Collective.
  func sum(_ own: [FeatureAnswer], at head: HeadParameters) throws -> ExactGradient {
    let samples = own.compactMap { answer in
      answer.features.map { Sample(features: $0, label: answer.request.sample.label) }
    }
    var gradient = empty
    if method == .features {
      let (all, stops) = try gathered(samples, features: head.shape.features)
      gradient.add(all, at: head)
      gradient.stopRequests = stops
    } else {
      gradient.add(samples, at: head)
      gradient.stopRequests = stop.number == 0 ? 0 : 1
      try communicator.allreduce(&gradient.values, .sum)
    }
    return gradient
  }

  /// What a gradient needs of an image.
  fileprivate struct Sample {
    let features: [Float]
    let label: Int
  }

  /// The samples of all ranks, and how many ranks want to stop. A rank's message is whether it does,
  /// then label and features of each sample, as 32 bits each.
  private func gathered(
    _ own: [Sample], features: Int
  ) throws -> (samples: [Sample], stops: Int64) {
    var message = littleEndianBytes(of: [UInt32(stop.number == 0 ? 0 : 1)])
    for sample in own {
      message.append(littleEndian: [UInt32(sample.label)])
      message.append(littleEndian: sample.features)
    }
    var samples: [Sample] = []
    var stops: Int64 = 0
    let size = 4 * (features + 1)
    for bytes in try communicator.allgather(message) {
      guard bytes.count % size == 4 else {
        throw CollectiveError.mismatch("A rank sent no whole samples; is avp-dist the same?")
      }
      func word(_ offset: Int) -> UInt32 {
        numbers(ofLittleEndianBytes: bytes[offset..<offset + 4])[0]
      }
      stops += Int64(word(0))
      for start in stride(from: 4, to: bytes.count, by: size) {
        let vector: [Float] = numbers(ofLittleEndianBytes: bytes[start + 4..<start + size])
        samples.append(Sample(features: vector, label: Int(word(start))))
      }
    }
    return (samples, stops)
  }

  /// Whether any rank wants to stop, where no gradient is summed. Collective.
  func anyRankStops() throws(CollectiveError) -> Bool {
    var requests = [stop.number == 0 ? 0 : 1 as Int64]
    try communicator.allreduce(&requests, .sum)
    return requests[0] > 0
  }
}

extension ExactGradient {
  fileprivate mutating func add(_ samples: [GradientExchange.Sample], at head: HeadParameters) {
    add(features: samples.map(\.features), labels: samples.map(\.label), at: head)
  }

  /// The mean gradient, or nil where no sample was summed.
  func meanUnlessEmpty() throws(HeadError) -> (gradient: [Float], metrics: Metrics)? {
    do {
      return try mean()
    } catch .noSamples {
      return nil
    }
  }
}
