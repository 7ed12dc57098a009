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

  /// - Parameters:
  ///   - method: gradients or features.
  ///   - capacity: how many samples the sums must hold.
  init(
    _ method: Exchange, shape: HeadShape, capacity: Int, communicator: any Communicator,
    stop: StopSignal
  ) {
    precondition(method != .auto)
    self.method = method
    self.communicator = communicator
    self.stop = stop
    empty = ExactGradient(shape: shape, globalBatch: capacity)
  }

  /// The sums of the whole batch, of which `own` is this rank's part, with the requests to stop after
  /// this step. Collective.
  ///
  /// - Parameter add: adds the gradients of samples to sums.
  func sum(
    _ own: [FeatureAnswer], _ add: (LabelledFeatures, inout ExactGradient) -> Void
  ) throws -> ExactGradient {
    var gradient = empty
    if method == .features {
      let (all, stops) = try gather(own)
      add(all, &gradient)
      gradient.stopRequests = stops
    } else {
      add(LabelledFeatures(own), &gradient)
      gradient.stopRequests = stop.number == 0 ? 0 : 1
      try communicator.allreduce(&gradient.values, .sum)
    }
    return gradient
  }

  /// The samples of all ranks, and how many ranks want to stop. Collective. A rank's message is
  /// whether it does, then label, index and features of each sample, as 32 bits each.
  func gather(_ own: [FeatureAnswer]) throws -> (samples: LabelledFeatures, stops: Int64) {
    let own = LabelledFeatures(own)
    let width = empty.shape.features
    var message = littleEndianBytes(of: [UInt32(stop.number == 0 ? 0 : 1)])
    for sample in 0..<own.count {
      message.append(littleEndian: [UInt32(own.labels[sample]), UInt32(own.indices[sample])])
      message.append(littleEndian: Array(own.values[sample * width..<(sample + 1) * width]))
    }
    var samples = LabelledFeatures()
    var stops: Int64 = 0
    let size = 4 * (width + 2)
    for bytes in try communicator.allgather(message) {
      guard bytes.count % size == 4 else {
        throw CollectiveError.mismatch("A rank sent no whole samples; is avp-dist the same?")
      }
      func word(_ offset: Int) -> UInt32 {
        numbers(ofLittleEndianBytes: bytes[offset..<offset + 4])[0]
      }
      stops += Int64(word(0))
      for start in stride(from: 4, to: bytes.count, by: size) {
        let vector: [Float] = numbers(ofLittleEndianBytes: bytes[start + 8..<start + size])
        samples.append(vector, label: Int(word(start)), index: Int(word(start + 4)))
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

extension LabelledFeatures {
  /// The samples of those answers that have features.
  init(_ answers: [FeatureAnswer]) {
    self.init()
    for answer in answers {
      guard let features = answer.features else { continue }
      append(features, label: answer.request.sample.label, index: answer.request.index)
    }
  }
}
