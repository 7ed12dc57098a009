import FileIO
import Foundation
import Head
import ImageData
import TensorFormats
import Tensors

/// A run's record and, in a checkpoint, everything that going on needs.
///
/// One safetensors file: the head under `fc.*`, the optimizer's memory under `optimizer.*`, further
/// heads of a bundle under `heads.N.*`, the first 8 bytes of each image's SHA-256 as
/// `pictures.sha256` (training images, then validation images), the rest as JSON in the metadata
/// (`avp.record`, `avp.progress`), sealed with a checksum (see ``Checksum``).
package struct Checkpoint: Sendable {
  /// What the file says about the run.
  package let record: ModelRecord
  /// The trained head, for features as they are.
  package let head: HeadParameters
  /// Where the run stood.
  package let progress: Progress
  /// What going on needs of the heads; nil in a model file, which is for use.
  let heads: Heads?
  /// The contents of the images read so far; nil in a model file, and in checkpoints of versions
  /// that did not save them.
  let digests: ImageDigests?

  /// Where a run stands, apart from its tensors.
  package struct Progress: Codable, Equatable, Sendable {
    /// Completed epochs.
    package var epoch: Int
    /// Completed steps of the epoch under way.
    package var step: Int
    /// The exact sums of that epoch so far; see `ExactTally`.
    package var running: [Int64]
    /// Images left out in that epoch so far.
    package var skipped: [String]
    /// The results of the completed epochs.
    package var history: [EpochMetrics]
    /// Steps that the optimizer has taken.
    package var optimizerSteps: Int
    /// What logits are divided by for calibrated probabilities; nil where nothing has been fitted.
    package var temperature: Double?
    /// The further heads of a bundle; nil for none.
    var heads: [HeadArchive.Progress]?
    /// What the optimizer remembers in single numbers; nil for nothing.
    var scalars: [Double]?
    /// The step at which the first head left the range of numbers, in a sweep; nil for never.
    var divergedAt: Int?
    /// Whether no head moves any more; nil for no.
    var isAtRest: Bool?

    private enum CodingKeys: String, CodingKey {
      case epoch, step, running, skipped, history, temperature, heads
      case scalars, isAtRest, divergedAt
      // As checkpoints have always spelled it.
      case optimizerSteps = "optimiserSteps"
    }
  }

  /// The heads as they are in memory, or the file that holds them, with its bytes.
  enum Heads: Sendable {
    case states([HeadState])
    case file(SafeTensorsFile, bytes: [UInt8])
  }

  /// A checkpoint of `state`; without `optimizer` a model file of its first head, or of head `number`.
  package init(
    _ record: ModelRecord, _ state: TrainingState, withOptimizer: Bool, head number: Int = 0
  ) {
    let own = state.heads[number]
    self.record = record
    head = own.head
    var progress = Progress(
      epoch: state.epoch, step: state.step, running: own.running.values,
      skipped: state.skipped.sorted, history: own.history,
      optimizerSteps: own.optimizer.state.step)
    heads = withOptimizer ? .states(state.heads) : nil
    digests = withOptimizer && !state.digests.values.isEmpty ? state.digests : nil
    if withOptimizer {
      let scalars = own.optimizer.state.scalars
      let others = state.heads.dropFirst().map(HeadArchive.progress)
      progress.isAtRest = state.isAtRest ? true : nil
      progress.divergedAt = own.divergedAt
      progress.scalars = scalars.isEmpty ? nil : scalars
      progress.heads = others.isEmpty ? nil : others
    }
    self.progress = progress
  }

  private init(modelOf checkpoint: Checkpoint, temperature: Double?) {
    record = checkpoint.record
    head = checkpoint.head
    var progress = checkpoint.progress
    (progress.heads, progress.scalars, progress.isAtRest) = (nil, nil, nil)
    progress.divergedAt = nil
    progress.temperature = temperature
    self.progress = progress
    heads = nil
    digests = nil
  }

  /// The model file of the moment at which this checkpoint was saved.
  package var model: Checkpoint {
    Checkpoint(modelOf: self, temperature: progress.temperature)
  }

  /// The same model with what calibrates its logits; nil for nothing.
  package func model(temperature: Double?) -> Checkpoint {
    Checkpoint(modelOf: self, temperature: temperature)
  }
}

// MARK: - Bytes

extension Checkpoint {
  private enum Key {
    static let format = "format"
    static let record = "avp.record"
    static let progress = "avp.progress"
    static let first = "optimizer.first"
    static let digests = "pictures.sha256"
  }

  /// The file's bytes; equal for equal content.
  package func encoded() throws -> [UInt8] {
    if case .file(_, let bytes) = heads { return bytes }
    let encoder = JSONEncoder.sorted
    var writer = SafeTensorsWriter(metadata: [
      Key.format: "pt", Checksum.name: Checksum.blank,
      Key.record: String(decoding: try encoder.encode(record), as: UTF8.self),
      Key.progress: String(decoding: try encoder.encode(progress), as: UTF8.self),
    ])
    if case .states(let heads) = heads {
      for head in heads { HeadArchive.add(head, to: &writer) }
    } else {
      for part in head.shape.tensors { writer.add(part.rawValue, head.tensor(part)) }
    }
    if let values = digests?.values {
      writer.add(Key.digests, Tensor(shape: [values.count], values: values))
    }
    var bytes = writer.encoded()
    Checksum.write(into: &bytes)
    return bytes
  }

  /// Reads a file's bytes.
  ///
  /// - Parameter path: what messages call it.
  /// - Throws: ``CheckpointError``.
  package init(bytes: [UInt8], path: String) throws(CheckpointError) {
    guard Checksum.isIntact(bytes) else { throw .damaged(path) }
    do {
      let file = try SafeTensorsFile(bytes: bytes, path: path)
      let decoder = JSONDecoder()
      func decode<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value {
        try decoder.decode(type, from: Data((file.metadata[key] ?? "").utf8))
      }
      record = try decode(ModelRecord.self, Key.record)
      progress = try decode(Progress.self, Key.progress)
      let parameters = try HeadParameters(file)
      head =
        try HeadArchive.standardisation(in: file, parameters.shape)?.folded(into: parameters)
        ?? parameters
      guard head.isFinite else {
        throw HeadError.tensor(name: "fc", reason: "is not finite for plain features")
      }
      heads = file.shape(of: Key.first) == nil ? nil : .file(file, bytes: bytes)
      digests =
        file.shape(of: Key.digests) == nil
        ? nil : ImageDigests(values: try file.int64s(Key.digests).values)
    } catch {
      throw .foreign(path, reason(of: error))
    }
    guard (1...ModelRecord.currentFormat).contains(record.format) else {
      throw .foreign(
        path,
        "it has layout \(record.format), this avp-dist reads layouts 1 to \(ModelRecord.currentFormat)"
      )
    }
    guard
      record.classes.count == head.shape.classes,
      record.backbone.featureCount == head.shape.features
    else { throw .foreign(path, "its head and its record disagree about classes or features") }
    guard isPossible else { throw Self.impossible(path) }
  }

  /// Whether a run with these settings can have stood there.
  private var isPossible: Bool {
    // Within these bounds no sum or product below can overflow.
    let batch = record.configuration.batchSize
    guard (0...1_000_000).contains(progress.epoch), (1...1 << 40).contains(record.trainCount),
      (1...1 << 20).contains(batch)
    else { return false }
    let steps = Sampler(count: record.trainCount, globalBatch: batch, seed: 0).stepsPerEpoch
    let most = progress.epoch * steps + progress.step
    // Behind the last step of an epoch stands the checkpoint before its validation.
    return (0...steps).contains(progress.step) && (0...most).contains(progress.optimizerSteps)
      && HeadArchive.isPossible(
        progress.history, epoch: progress.epoch, divergedAt: progress.divergedAt)
      && digests.map { $0.values.count >= record.trainCount } ?? true
      && ExactTally.canHold(
        progress.running, samples: min(progress.step * batch, record.trainCount))
  }

  fileprivate static func impossible(_ path: String) -> CheckpointError {
    .foreign(path, "its progress is not one that a run can have")
  }

  /// The largest file that is read, 8 GiB: the widest head on a ResNet-50 with both moments has a
  /// fifth of that.
  private static let fileLimit = 8 << 30

  /// Reads the file at `path`, which may be a link.
  ///
  /// - Throws: ``CheckpointError``.
  package init(path: String) throws(CheckpointError) {
    try self.init(path) { () throws(FileError) in
      try readFile(path, limit: Self.fileLimit)
    }
  }

  /// Reads the file `name` of a folder in which links are not followed.
  ///
  /// - Throws: ``CheckpointError``.
  package init(_ name: String, in folder: GuardedFolder) throws(CheckpointError) {
    try self.init("\(folder.path)/\(name)") { () throws(FileError) in
      try folder.read(name, limit: Self.fileLimit)
    }
  }

  private init(
    _ path: String, _ read: () throws(FileError) -> [UInt8]
  ) throws(CheckpointError) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try read()
    } catch {
      throw error.kind == .missing
        ? .missing(path)
        : .unreadable(path, "\(error.path == path ? "it" : error.path) \(error.reason).")
    }
    try self.init(bytes: bytes, path: path)
  }
}

extension TrainingState {
  /// The state in which `checkpoint` was saved.
  ///
  /// - Throws: ``CheckpointError`` for a model file, ``HeadError`` where optimizer and head
  ///   disagree.
  package init(
    _ checkpoint: Checkpoint, configuration: TrainingConfiguration, path: String
  ) throws {
    try self.init(checkpoint, try HeadBundle(configuration), path: path)
  }

  /// The state of a bundle in which `checkpoint` was saved.
  ///
  /// - Throws: ``CheckpointError`` for a model file or other heads, ``HeadError`` where optimizer and
  ///   head disagree.
  package init(_ checkpoint: Checkpoint, _ bundle: HeadBundle, path: String) throws {
    let progress = checkpoint.progress
    let heads: [HeadState]
    switch checkpoint.heads {
    case nil: throw CheckpointError.modelOnly(path)
    case .states(let states): heads = states
    case .file(let file, _):
      let first = HeadArchive.Progress(
        number: 0, running: progress.running, optimizerSteps: progress.optimizerSteps,
        scalars: progress.scalars ?? [], history: progress.history,
        divergedAt: progress.divergedAt)
      let all = [first] + (progress.heads ?? [])
      guard all.map(\.number) == Array(bundle.members.indices) else {
        throw CheckpointError.foreign(
          path, "it has \(all.count) heads, this run has \(bundle.members.count)")
      }
      heads = try zip(all, bundle.members).map { progress, member in
        try HeadArchive.head(
          progress, in: file, member.configuration, like: checkpoint.head.shape,
          trainCount: checkpoint.record.trainCount)
      }
      guard
        heads.allSatisfy({ head in
          HeadArchive.isPossible(
            head.history, epoch: bundle.members[head.number].fold == nil ? progress.epoch : 0,
            divergedAt: head.divergedAt)
        })
      else { throw Checkpoint.impossible(path) }
    }
    self.init(
      bundle, heads: heads, epoch: progress.epoch, step: progress.step,
      skipped: PathSet(progress.skipped), isAtRest: progress.isAtRest ?? false,
      digests: checkpoint.digests ?? ImageDigests())
  }
}
