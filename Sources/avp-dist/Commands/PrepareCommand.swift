import Foundation
import ImageData
import Tensors

extension Command {
  static let prepare = Command(
    name: "prepare",
    summary: "split raw class folders into train/ and validation/",
    operands: "RAW",
    discussion: """
      Copies the pictures of RAW/<class>/... to DIR/train/<class> and DIR/validation/<class>, N of each
      class, drawn by the seed, for validation. The folder RAW stays as it is.
      """,
    options: [
      Option("--output", "DIR", "a folder that does not exist yet or is empty"),
      Option("--validation", "N", "validation pictures of each class (100)"),
      Option("--seed", "N", "another seed draws other pictures (12)"),
    ],
    run: prepare)

  private static func prepare(_ arguments: Arguments) throws {
    guard let raw = arguments.operands.first, arguments.operands.count == 1 else {
      throw UsageError("Name one folder that holds a folder for each class.")
    }
    let output = try arguments.required("--output")
    let held = try arguments.int("--validation", in: 1...1_000_000_000) ?? 100
    let seed = UInt64(try arguments.int("--seed", in: 0...Int.max) ?? 12)
    let present = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
    guard present.isEmpty else {
      throw Failure(
        status: .cannotCreate, description: "\(output) is not empty; name another --output.")
    }
    let folders = try ClassFolders.scan(raw)
    for (label, name) in folders.classes.enumerated() {
      let samples = folders.samples.filter { $0.label == label }
      guard samples.count > held else {
        throw Failure(
          status: .badData,
          description: """
            The class '\(name)' has \(samples.count) pictures; with \(held) for validation none is left \
            to train on. Use a lower --validation.
            """)
      }
    }
    for label in folders.classes.indices {
      let samples = folders.samples.filter { $0.label == label }
      var random = CounterRandom(seed: seed, purpose: .datasetSplit, index: label)
      let drawn = Set(random.permutation(samples.count).prefix(held))
      for (index, sample) in samples.enumerated() {
        let part = drawn.contains(index) ? "validation" : "train"
        try copy("\(raw)/\(sample.path)", to: "\(output)/\(part)/\(sample.path)")
      }
    }
    let train = folders.samples.count - held * folders.classes.count
    print(
      "\(output): \(train) training and \(held * folders.classes.count) validation pictures of "
        + folders.classes.joined(separator: ", "))
  }

  private static func copy(_ source: String, to target: String) throws {
    do {
      let parent = URL(fileURLWithPath: target).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
      // A link in RAW becomes the picture itself, so that the new set stands alone.
      let real = URL(fileURLWithPath: absolutePath(source)).resolvingSymlinksInPath()
      try FileManager.default.copyItem(at: real, to: URL(fileURLWithPath: target))
    } catch {
      let isFull = (error as? CocoaError)?.code == .fileWriteOutOfSpace
      throw Failure(
        status: access(source, R_OK) != 0 ? .missingInput : isFull ? .writeFailed : .cannotCreate,
        description: "\(source) cannot be copied to \(target): \(error.localizedDescription)")
    }
  }
}
