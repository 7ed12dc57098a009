import FileIO
import Foundation
import ImageData
import Launching
import Settings
import Tensors

/// `prepare`: raw class folders become a set with two parts.
struct PrepareCommand: Command {
  static let name = "prepare"
  static let summary = "split raw class folders into train/ and validation/"
  static let discussion = """
    Copies the images of RAW/<class>/... to DIR/train/<class> and DIR/validation/<class>. For \
    validation it draws N images of each class at random. The folder RAW stays as it is. Files \
    whose content is no image are named and left out.
    """
  static let operands: String? = "RAW"
  static let example = "avp-dist prepare photos --output data --validation 100"
  static let settings: [Setting<Self>] = [
    Setting(
      "output", \.output, "DIR", "a folder that does not exist yet or is empty",
      group: "Output", completion: .folders),
    Setting(
      "validation", \.validation, "N", in: .from(1, to: 1_000_000_000),
      "validation images of each class", group: "Parts", shown: "100"),
    Setting(
      "seed", \.seed, "N", in: .from(0, to: UInt64(Int.max)), "another seed draws other images",
      group: "Parts"),
  ]

  var output = ""
  var validation: Int?
  var seed: UInt64 = 12
  private var raw = ""

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard operands.count == 1 else {
      throw UsageError("Name one folder that holds a folder for each class.")
    }
    raw = operands[0]
  }

  func run() throws {
    let output = try required(output, "output")
    let held = validation ?? 100
    try Self.refuse(raw, output)
    let folders = try ClassFolders.scan(raw)
    if let parts = DatasetManifest.parts(among: folders.classes) {
      throw Failure(
        status: .badData,
        description: """
          \(raw) is split already: \(parts.joined(separator: " and ")) are no classes. Use it with \
          --data \(raw), with the validation images in the folder validation, val or valid.
          """)
    }
    if folders.leftOut.count > 0 { printError("warning: \(folders.leftOut)") }
    let classes = try Self.images(of: folders, in: raw)
    try Self.check(held, classes, isDefault: validation == nil)
    for (label, samples) in classes.map(\.samples).enumerated() {
      var random = CounterRandom(seed: seed, purpose: .datasetSplit, index: label)
      let drawn = Set(random.permutation(samples.count).prefix(held))
      for (index, sample) in samples.enumerated() {
        let part = drawn.contains(index) ? "validation" : "train"
        try Self.copy(sample, of: raw, to: "\(output)/\(part)/\(sample.path)")
      }
    }
    let count = classes.reduce(0) { $0 + $1.samples.count }
    let validation = held * classes.count
    printLine(
      "\(output): \(count - validation) training and \(validation) validation images of "
        + folders.classes.joined(separator: ", "))
  }

  private static func refuse(_ raw: String, _ output: String) throws {
    let (input, target) = (realPath(raw), realPath(output))
    for (inner, outer) in [(input, target), (target, input)]
    where inner == outer || inner.hasPrefix(outer == "/" ? outer : outer + "/") {
      throw UsageError(
        "\(raw) and --output \(output) lie in each other; name an --output beside \(raw).")
    }
    let present = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
    guard present.isEmpty else {
      throw Failure(
        status: .cannotCreate, description: "\(output) is not empty; name another --output.")
    }
  }

  private typealias RawClass = (name: String, samples: [Sample])

  /// The classes with the files that are images by their content; the others are named.
  private static func images(of folders: ClassFolders, in raw: String) throws -> [RawClass] {
    let source = ImageSource(root: raw)
    var classes = folders.classes.map { (name: $0, samples: [Sample]()) }
    for sample in folders.samples {
      if let objection = try source.objection(to: sample) {
        printError("warning: \(raw)/\(sample.path) is left out: \(objection)")
      } else {
        classes[sample.label].samples.append(sample)
      }
    }
    return classes
  }

  /// Refuses a class that `held` validation images would leave nothing to train on.
  private static func check(_ held: Int, _ classes: [RawClass], isDefault: Bool) throws {
    let option = "--validation \(held)\(isDefault ? ", the default," : "")"
    for (name, samples) in classes where samples.count <= held {
      throw Failure(
        status: .badData,
        description: """
          The class '\(name)' has \(samples.count) images; with \(option) none is left to train on. \
          Use a lower --validation.
          """)
    }
    let small = classes.filter { $0.samples.count < 2 * held }.map(\.name)
    guard !small.isEmpty else { return }
    let names = small.prefix(5).joined(separator: ", ") + (small.count > 5 ? ", ..." : "")
    printError(
      "warning: with \(option) fewer images are left to train on than to validate with in "
        + "\(names); a lower --validation leaves more")
  }

  /// Copies what an image's file holds, and nothing else of it, such as its mode or its owner. A
  /// link in RAW becomes the image itself, so that the new set stands alone.
  private static func copy(_ sample: Sample, of raw: String, to target: String) throws {
    let bytes = try ImageSource(root: raw).bytes(of: sample)
    do {
      let url = URL(fileURLWithPath: target)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: url, options: .withoutOverwriting)
    } catch {
      let isFull = (error as? CocoaError)?.code == .fileWriteOutOfSpace
      throw Failure(
        status: isFull ? .writeFailed : .cannotCreate,
        description:
          "\(raw)/\(sample.path) cannot be copied to \(target): \(error.localizedDescription)")
    }
  }
}
