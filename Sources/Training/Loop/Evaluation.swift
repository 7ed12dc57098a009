import Collectives
import Head
import ImageData
import Scoring

/// How well a head classifies a set of images.
package struct EvaluationResult: Equatable, Sendable {
  /// Loss and accuracy.
  package let metrics: Metrics
  /// `confusion[label][prediction]`: how many images of a class were taken for which.
  package let confusion: [[Int]]
  /// What else the outputs say.
  package let scores: ClassifierScores
  /// Images that were left out, by path, sorted.
  package let skipped: [String]
  /// What the files of the others say that features do not show.
  package let tally: ImageTally
}

/// Classifies `samples`, split over the ranks without padding or repetition. Collective; the result
/// is the same on every rank, and the same bits for any number of ranks and threads.
///
/// Rank 0 takes the logits of all images in turn: as many numbers of 8 bytes as images times classes,
/// three times over while it scores them.
///
/// - Parameters:
///   - temperature: what logits are divided by before anything else.
///   - progress: called as this rank's images are done, with how many are and how many it has.
/// - Throws: what makes an image unusable, unless the producer leaves such images out.
package func evaluate(
  _ head: HeadParameters, temperature: Double = 1, on samples: [Sample],
  producer: any FeatureProducer, options: RunOptions, communicator: any Communicator,
  progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }
) throws -> EvaluationResult {
  var set = ValidationSet(samples, roundSize: max(1, samples.count), communicator)
  var tally = ImageTally()
  for requests in set.rounds {
    let answers = try answers(
      to: requests, producer: producer, options: options, progress: progress
    ) { file in
      if let file { communicator.activity = "evaluation, working on \(file)" }
      try communicator.reportActivity()
    }
    set.add(answers)
    for answer in answers { tally.add(answer) }
  }
  try set.complete()
  // A division by 1 changes no bit.
  let outputs = set.outputs(head).map { ($0.label, $0.logits.map { $0 / temperature }) }
  let classes = head.shape.classes
  var exact = ExactTally(capacity: max(1, set.count))
  var counts = [Int64](repeating: 0, count: classes * classes)
  for (label, logits) in outputs {
    exact.add(logits: logits, label: label)
    counts[label * classes + predictedClass(ofLogits: logits)] += 1
  }
  try communicator.allreduce(&counts, .sum)
  try communicator.allreduce(&exact.values, .sum)
  let rows = stride(from: 0, to: counts.count, by: classes).map { start in
    counts[start..<start + classes].map(Int.init)
  }
  return EvaluationResult(
    metrics: try exact.metrics(), confusion: rows,
    scores: try communicator.scores(of: outputs, classes: classes), skipped: set.skipped.sorted,
    tally: try tally.summed(communicator))
}

/// The features of images in the order of the requests, computed by several threads; nil for those
/// that were left out.
///
/// - Parameter progress: as ``evaluate(_:on:producer:options:communicator:progress:)`` calls it.
/// - Throws: what makes an image unusable, unless the producer leaves such images out.
package func features(
  of requests: [FeatureRequest], producer: any FeatureProducer, options: RunOptions,
  progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }
) throws -> [[Float]?] {
  try answers(to: requests, producer: producer, options: options, progress: progress) { _ in }
    .map(\.features)
}

private func answers(
  to requests: [FeatureRequest], producer: any FeatureProducer, options: RunOptions,
  progress: (Int, Int) -> Void, whileWaiting: (String?) throws -> Void
) throws -> [FeatureAnswer] {
  let memory = MemoryBudget(bytes: options.decodingBytes)
  let pipeline = FeaturePipeline(
    requests: requests.makeIterator(), lookAhead: requests.count, groupSize: options.groupSize,
    threads: options.threads, makeWorker: { try producer.makeWorker(sharing: memory) })
  defer { pipeline.stop() }
  return try requests.indices.flatMap { index in
    defer { progress(index + 1, requests.count) }
    return try pipeline.next(1, whileWaiting: whileWaiting)
  }
}
