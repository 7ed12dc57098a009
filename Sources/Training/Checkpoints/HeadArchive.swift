import FileIO
import Foundation
import Head
import TensorFormats
import Tensors

/// Heads as tensors and JSON: in checkpoints, and on their way between ranks.
///
/// The tensors of the first head have the names of a model's; those of head N stand under `heads.N.`.
enum HeadArchive {
  /// What of a head is no tensor.
  struct Progress: Codable, Equatable, Sendable {
    var number: Int
    var running: [Int64]
    var optimizerSteps: Int
    var scalars: [Double]
    var history: [EpochMetrics]
    var divergedAt: Int?
  }

  private enum Key {
    static let heads = "avp.heads"
    static let first = "optimizer.first"
    static let second = "optimizer.second"
    static let pending = "optimizer.pending"
    static let mean = "standardisation.mean"
    static let factor = "standardisation.factor"
  }

  private static func prefix(_ number: Int) -> String { number == 0 ? "" : "heads.\(number)." }

  /// Adds what a run needs to go on with a head.
  static func add(_ head: HeadState, to writer: inout SafeTensorsWriter) {
    let prefix = prefix(head.number)
    for part in head.parameters.shape.tensors {
      writer.add(prefix + part.rawValue, head.parameters.tensor(part))
    }
    func add(_ name: String, _ values: [Float]) {
      writer.add(prefix + name, Tensor(shape: [values.count], values: values))
    }
    let memory = head.optimizer.state
    add(Key.first, memory.first)
    add(Key.second, memory.second)
    if let standardisation = head.standardisation {
      add(Key.mean, standardisation.mean)
      add(Key.factor, standardisation.factor)
    }
    if let values = head.pending?.values {
      writer.add(prefix + Key.pending, Tensor(shape: [values.count], values: values))
    }
  }

  /// What of a head is no tensor.
  static func progress(_ head: HeadState) -> Progress {
    Progress(
      number: head.number, running: head.running.values,
      optimizerSteps: head.optimizer.state.step, scalars: head.optimizer.state.scalars,
      history: head.history, divergedAt: head.divergedAt)
  }

  /// Whether a head can have this history after `epoch` epochs: one that has left the range of
  /// numbers has stopped adding to it.
  static func isPossible(_ history: [EpochMetrics], epoch: Int, divergedAt: Int?) -> Bool {
    history.map(\.epoch) == Array(1..<history.count + 1)
      && (divergedAt == nil ? history.count == epoch : history.count <= epoch)
  }

  /// A head of a file.
  ///
  /// - Parameter shape: that of the run's first head; the hidden units are those of `configuration`.
  /// - Throws: ``FileError`` or ``HeadError`` where the file has no such head, or it cannot be one of
  ///   this run.
  static func head(
    _ progress: Progress, in file: SafeTensorsFile, _ configuration: TrainingConfiguration,
    like shape: HeadShape, trainCount: Int
  ) throws -> HeadState {
    let prefix = prefix(progress.number)
    let parameters = try HeadParameters(file, prefix: prefix)
    let wanted = try HeadShape(
      features: shape.features, hidden: configuration.hidden, classes: shape.classes)
    guard parameters.shape == wanted, (0...1 << 40).contains(progress.optimizerSteps),
      ExactTally.canHold(progress.running, samples: trainCount)
    else {
      throw HeadError.tensor(
        name: prefix + parameters.shape.tensors[0].rawValue,
        reason: "belongs to another head, or to a place where no run can stand")
    }
    var head = try HeadState(
      number: progress.number, configuration, shape: parameters.shape, trainCount: trainCount)
    head.parameters = parameters
    head.optimizer = try Optimizer(
      configuration.optimizerSettings, parameterCount: parameters.shape.parameterCount,
      state: OptimizerState(
        step: progress.optimizerSteps, first: try file.floats(prefix + Key.first).values,
        second: try file.floats(prefix + Key.second).values, scalars: progress.scalars))
    head.history = progress.history
    head.divergedAt = progress.divergedAt
    head.standardisation = try standardisation(in: file, prefix: prefix, parameters.shape)
    guard (head.standardisation != nil) == configuration.standardise, head.head.isFinite else {
      throw HeadError.tensor(name: prefix + Key.mean, reason: "does not fit the settings")
    }
    if let pending = head.pending {
      let sums = try file.int64s(prefix + Key.pending).values
      guard sums.count == pending.values.count else {
        throw HeadError.tensor(name: Key.pending, reason: "has \(sums.count) elements")
      }
      head.pending?.values = sums
    }
    head.running.values = progress.running
    return head
  }

  /// How the features of a head are standardised; nil where they are not.
  ///
  /// - Throws: ``FileError`` or ``HeadError`` where the tensors do not fit.
  static func standardisation(
    in file: SafeTensorsFile, prefix: String = "", _ shape: HeadShape
  ) throws -> Standardisation? {
    guard file.shape(of: prefix + Key.mean) != nil else { return nil }
    let mean = try file.floats(prefix + Key.mean).values
    let factor = try file.floats(prefix + Key.factor).values
    guard mean.count == shape.features, factor.count == shape.features,
      (mean + factor).allSatisfy(\.isFinite)
    else { throw HeadError.tensor(name: Key.mean, reason: "does not fit the head") }
    return Standardisation(mean: mean, factor: factor)
  }

  /// Heads as bytes for another rank.
  static func encode(_ heads: [HeadState]) throws -> [UInt8] {
    let progress = try JSONEncoder.sorted.encode(heads.map(progress))
    var writer = SafeTensorsWriter(metadata: [
      Key.heads: String(decoding: progress, as: UTF8.self)
    ])
    for head in heads { add(head, to: &writer) }
    return writer.encoded()
  }

  /// The heads in bytes of another rank.
  static func decode(
    _ bytes: [UInt8], _ bundle: HeadBundle, like shape: HeadShape, trainCount: Int
  ) throws -> [HeadState] {
    let file = try SafeTensorsFile(bytes: bytes, path: "a rank's heads")
    let all = try JSONDecoder().decode(
      [Progress].self, from: Data((file.metadata[Key.heads] ?? "").utf8))
    return try all.map { progress in
      try head(
        progress, in: file, bundle.members[progress.number].configuration, like: shape,
        trainCount: trainCount)
    }
  }
}

extension HeadParameters {
  /// The head whose tensors stand under `prefix` in a file.
  init(_ file: SafeTensorsFile, prefix: String = "") throws(HeadError) {
    try self.init { name throws(HeadError) in
      do throws(FileError) {
        let name = prefix + name
        return file.shape(of: name) == nil ? nil : try file.floats(name)
      } catch {
        throw .tensor(name: name, reason: error.description)
      }
    }
  }
}
