import Collectives
import FileIO
import Head
import ImageData
import Launching
import Training

/// From where a run goes on.
extension TrainingRun {
  func initialState(_ record: ModelRecord, _ bundle: HeadBundle) throws -> TrainingState {
    try TrainingState(
      bundle, features: record.backbone.featureCount, classes: record.classes.count,
      trainCount: record.trainCount)
  }

  /// The state of the checkpoint that `--resume` names, nil where the run starts afresh. Rank 0
  /// reads the file, so that all ranks go on from the same one.
  func resumedState(
    _ record: ModelRecord, _ bundle: HeadBundle, _ manifest: DatasetManifest, _ data: String,
    _ folder: RunFolder, _ communicator: any Communicator
  ) throws -> TrainingState? {
    var path: String
    switch start {
    case .afresh: return nil
    case .newest: path = folder.checkpoints
    case .file(let file): path = file
    }
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      if start != .newest {
        bytes = try Checkpoint(path: path).encoded()
      } else {
        let (found, damaged) = try CheckpointFolder(path: folder.checkpoints).newest(like: record)
        for file in damaged { printError("warning: \(file) is damaged and is passed over") }
        if let found {
          bytes = try found.checkpoint.encoded()
          path = found.path
        } else {
          printError(
            "no checkpoint in \(folder.checkpoints) on host \(communicator.host): "
              + "starting from the beginning")
        }
      }
    }
    try communicator.broadcast(&bytes, from: 0)
    guard !bytes.isEmpty else { return nil }
    let checkpoint = try Checkpoint(bytes: bytes, path: path)
    if checkpoint.record.dataset != record.dataset {
      try refuseOtherImages(manifest, data, checkpoint, path, communicator)
    }
    try checkSettings(record, against: checkpoint.record, path)
    if communicator.rank == 0 { warnAboutOrigin(record, checkpoint.record, path) }
    return try TrainingState(checkpoint, bundle, path: path)
  }

  /// Says where the bits of the coming steps may not be those of a run in one go.
  private func warnAboutOrigin(_ record: ModelRecord, _ other: ModelRecord, _ path: String) {
    let pairs = [
      ("avp-dist", other.toolVersion, record.toolVersion),
      ("kernels", other.backbone.kernels, record.backbone.kernels),
    ].filter { $0.1 != $0.2 }
    guard !pairs.isEmpty else { return }
    let list = pairs.map { "\($0.0) \($0.1) there, \($0.2) here" }.joined(separator: "; ")
    printError(
      "warning: \(path) was written with other means (\(list)): the run goes on, and its result "
        + "may differ in the last bits from that of a run in one go")
  }

  /// Says what is different in a set of images that is not the checkpoint's. Collective: rank 0
  /// looks, and all end with what it has found.
  private func refuseOtherImages(
    _ manifest: DatasetManifest, _ data: String, _ checkpoint: Checkpoint, _ path: String,
    _ communicator: any Communicator
  ) throws {
    var change: [UInt8] = []
    if communicator.rank == 0 {
      change = Array(
        try checkpoint.change(to: manifest, root: data) { image in
          communicator.activity = "comparing \(image)"
          try communicator.reportActivity()
        }.utf8)
    }
    try communicator.broadcast(&change, from: 0)
    throw Failure(
      status: .badData,
      description: """
        \(path) belongs to a run with other images than \(data): \
        \(String(decoding: change, as: UTF8.self)). Bring the former set back, or start a new run.
        """)
  }

  private func checkSettings(
    _ record: ModelRecord, against other: ModelRecord, _ path: String
  ) throws {
    let differences = record.differences(from: other)
    let refused = differences.filter { !(command.runSettings.resumeOverride && $0.mayChange) }
    guard refused.isEmpty else {
      let list = refused.map { "  \(Self.typed($0.name)): \($0.there) there, \($0.here) here" }
      let remedy =
        refused.allSatisfy(\.mayChange)
        ? "Give the same settings, or --resume-override to go on with these."
        : "Give the same settings, or start a new run."
      throw Failure(
        status: .badData,
        description: "\(path) belongs to a run with other settings:\n"
          + list.joined(separator: "\n") + "\n" + remedy)
    }
  }

  /// A setting's name as one types it where it is an option.
  private static func typed(_ name: String) -> String {
    TrainCommand.settings.first { $0.facts.name == name }?.facts.option ?? name
  }
}
