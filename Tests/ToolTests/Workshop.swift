import FileIO
import Foundation
import Testing

/// A folder that goes away with the value that made it.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = Workshop.root + "/" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) throws -> FileHandle {
    _ = FileManager.default.createFile(atPath: "\(path)/\(name)", contents: nil)
    return try FileHandle(forWritingTo: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")), as: UTF8.self)
  }
}

/// What the tests of the tool share: a small image set, and runs on it that nothing disturbed.
enum Workshop {
  /// The folder of all temporary files of this test process, removed at its end.
  static let root: String = {
    atexit { try? FileManager.default.removeItem(atPath: Workshop.path) }
    return path
  }()

  private static let path = FileManager.default.temporaryDirectory
    .appendingPathComponent("avp-dist-tool-tests-\(getpid())").path

  /// 9 training and 4 validation images of each of two classes: with batches of 8 the last one
  /// has two images, so that some of three or four ranks have none.
  static let data: Result<String, any Error> = Result {
    let folder = root + "/data"
    let words = ["demo-data", "--output", folder, "--train", "9", "--validation", "4"]
    let outcome = try run([Program.tool] + words)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return folder
  }

  /// Steps of one epoch of the short runs.
  static let stepsPerEpoch = 3

  /// The words of a short run into `output`.
  static func train(_ output: String, epochs: Int = 2, _ more: [String] = []) throws -> [String] {
    [
      Program.tool, "train", "--data", try data.get(), "--weights", "demo", "--epochs",
      "\(epochs)", "--batch-size", "8", "--hidden", "8", "--output", output,
    ] + more
  }

  /// The folder of an undisturbed run of two epochs with a checkpoint after every step.
  static let whole: Result<String, any Error> = Result { try undisturbed("whole", epochs: 2) }

  /// The folder of an undisturbed run of four epochs.
  static let longer: Result<String, any Error> = Result { try undisturbed("longer", epochs: 4) }

  /// The folder of an undisturbed run that lasts seconds, for signals that take their time.
  static let longest: Result<String, any Error> = Result { try undisturbed("longest", epochs: 30) }

  private static func undisturbed(_ name: String, epochs: Int) throws -> String {
    let folder = "\(root)/\(name)"
    let outcome = try run(
      train(folder, epochs: epochs, ["--threads", "1", "--checkpoint-every-steps", "1"]))
    try #require(outcome.status == 0, "\(outcome.errors)")
    return folder
  }

  /// Starts and disturbs a run until the disturbance came before its end: on a fast machine a
  /// tiny run can be over before the signal arrives.
  static func interrupted(
    _ output: String, isInterrupted: ((Outcome) -> Bool)? = nil, _ attempt: () throws -> Outcome
  ) throws -> Outcome {
    let model = output + "/model.safetensors"
    let isEnough: (Outcome) -> Bool =
      isInterrupted
      ?? { $0.status != 0 && !FileManager.default.fileExists(atPath: model) }
    var outcome = try attempt()
    for _ in 0..<20 where !isEnough(outcome) {
      try FileManager.default.removeItem(atPath: output)
      outcome = try attempt()
    }
    return outcome
  }

  /// The SHA-256 of a run's model.
  static func model(_ folder: String) throws -> String {
    try sha256(fileAt: folder + "/model.safetensors")
  }

  /// The names of a run's checkpoints.
  static func checkpoints(_ folder: String) -> [String] {
    let all = try? FileManager.default.contentsOfDirectory(atPath: folder + "/checkpoints")
    return (all ?? []).filter { !$0.hasPrefix(".") }.sorted()
  }

  /// The lines about epochs in a run's metrics, without what depends on the time.
  static func epochs(_ folder: String) throws -> [String] {
    let text = try String(contentsOfFile: folder + "/metrics.jsonl", encoding: .utf8)
    return try text.split(separator: "\n").compactMap { line in
      var object = try object(String(line))
      guard object["event"] as? String == "epoch" else { return nil }
      object["seconds"] = nil
      object["images_per_second"] = nil
      let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
      return String(decoding: data, as: UTF8.self)
    }
  }

  /// A JSON object's entries.
  static func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// A copy of the image set that a test may change.
  static func copyOfData(in folder: TemporaryFolder) throws -> String {
    let copy = folder.path + "/data"
    try FileManager.default.copyItem(atPath: data.get(), toPath: copy)
    return copy
  }

  /// Changes an image's file and not its size: the density in the JFIF header, which is no pixel.
  static func changeContent(_ path: String) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try #require(bytes.count > 20)
    bytes[15] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  /// The weight file of the demo backbone in the sources.
  static func demoBackbone(beside file: String = #filePath) -> String {
    URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
      .appendingPathComponent("Sources/CDemoBackbone/demo-backbone.safetensors").path
  }
}
