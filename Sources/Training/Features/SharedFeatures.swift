import Collectives
import FileIO
import ImageData

/// What has become of one image.
package struct ImageOutcome: Sendable, Equatable {
  /// The feature vector, or why there is none.
  package let features: Result<[Float], DatasetError>
  /// What the rank that had the image adds to it; empty where there are no features.
  package let attachment: [UInt8]
}

/// Computes features on all ranks and hands the outcomes to rank 0 in the order of the requests,
/// each as soon as it and all before it are known. Collective.
///
/// The ranks share the requests in rounds, of which only two are in memory at any time, so that the
/// first outcomes are there early and any number of images can be worked on. An image that
/// cannot be used is an outcome like any other.
///
/// - Parameters:
///   - attach: called on the rank that has the image, for what to send along.
///   - receive: called on rank 0 alone, with the index in `requests`.
/// - Returns: what was noticed about the images of all ranks.
/// - Throws: what `attach` and `receive` throw, and what else keeps a rank from computing.
@discardableResult
package func shareFeatures(
  of requests: [FeatureRequest], producer: any FeatureProducer, options: RunOptions,
  communicator: any Communicator,
  attach: (FeatureRequest) throws -> [UInt8] = { _ in [] },
  receive: (Int, ImageOutcome) throws -> Void
) throws -> ImageTally {
  let rounds = Sampler(
    count: requests.count, globalBatch: try roundSize(options, communicator), seed: 0)
  let slices = (0..<rounds.stepsPerEpoch).map {
    rounds.slice(step: $0, rank: communicator.rank, worldSize: communicator.worldSize)
  }
  let own = slices.lazy.joined().map { requests[$0] }
  let memory = MemoryBudget(bytes: options.decodingBytes)
  let pipeline = FeaturePipeline(
    requests: Array(own).makeIterator(), lookAhead: 2 * options.threads * options.groupSize,
    groupSize: options.groupSize, threads: options.threads,
    makeWorker: { try producer.makeWorker(sharing: memory) })
  defer { pipeline.stop() }
  var tally = ImageTally()
  for (round, slice) in slices.enumerated() {
    let results = try pipeline.nextResults(slice.count) { file in
      if let file { communicator.activity = "working on \(file)" }
      try communicator.reportActivity()
    }
    for result in results { if case .success(let answer) = result { tally.add(answer) } }
    let outcomes = try zip(slice, results).map { try outcome($1, of: requests[$0], attach) }
    let all = try communicator.gather(outcomes.flatMap(\.encoded), to: 0)
    guard communicator.rank == 0 else { continue }
    let indices = rounds.batch(step: round)
    let received = try all.flatMap(ImageOutcome.decode)
    guard received.count == indices.count else { throw CollectiveError.fewerImages }
    for (index, outcome) in zip(indices, received) { try receive(index, outcome) }
  }
  return try tally.summed(communicator)
}

/// How many images the ranks share in a round: one group for each thread. A single rank waits for
/// nobody, and tells each image by itself.
private func roundSize(
  _ options: RunOptions, _ communicator: any Communicator
) throws(CollectiveError) -> Int {
  guard communicator.worldSize > 1 else { return 1 }
  var threads = [Int64(options.threads)]
  try communicator.allreduce(&threads, .maximum)
  return communicator.worldSize * Int(threads[0]) * options.groupSize
}

private func outcome(
  _ result: Result<FeatureAnswer, any Error>, of request: FeatureRequest,
  _ attach: (FeatureRequest) throws -> [UInt8]
) throws -> ImageOutcome {
  do {
    guard let vector = try result.get().features else {
      preconditionFailure("nothing is left out where every outcome is told")
    }
    return ImageOutcome(
      features: .success(vector), attachment: try result.get().attachment + attach(request))
  } catch let error as DatasetError where error.kind != .host {
    return ImageOutcome(features: .failure(error), attachment: [])
  }
}

// MARK: - On the way to rank 0

extension ImageOutcome {
  private enum Kind: UInt32 { case features, invalid, missing }

  /// Three numbers of 32 bits (the kind, the bytes of the vector or of the message, the bytes of
  /// the attachment), and then those bytes.
  var encoded: [UInt8] {
    let (kind, body): (Kind, [UInt8]) =
      switch features {
      case .success(let vector): (.features, littleEndianBytes(of: vector))
      case .failure(let error):
        (error.kind == .missing ? .missing : .invalid, error.encoded)
      }
    let head = [kind.rawValue, UInt32(body.count), UInt32(attachment.count)]
    return littleEndianBytes(of: head) + body + attachment
  }

  /// The outcomes of one rank in a round.
  static func decode(_ bytes: [UInt8]) throws(CollectiveError) -> [ImageOutcome] {
    var outcomes: [ImageOutcome] = []
    var rest = bytes[...]
    func take(_ count: Int) throws(CollectiveError) -> ArraySlice<UInt8> {
      guard rest.count >= count else {
        throw .fewerImages
      }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    while !rest.isEmpty {
      let head: [UInt32] = numbers(ofLittleEndianBytes: try take(12))
      let body = try take(Int(head[1]))
      let attachment = try take(Int(head[2]))
      let features: Result<[Float], DatasetError> =
        switch Kind(rawValue: head[0]) {
        case .features:
          .success(numbers(ofLittleEndianBytes: body))
        case .missing: .failure(DatasetError(.missing, encoded: body))
        case .invalid, nil: .failure(DatasetError(.invalid, encoded: body))
        }
      outcomes.append(ImageOutcome(features: features, attachment: Array(attachment)))
    }
    return outcomes
  }
}

extension CollectiveError {
  fileprivate static let fewerImages = CollectiveError.mismatch(
    "A rank sent less about its images than it said; is avp-dist the same?")
}
