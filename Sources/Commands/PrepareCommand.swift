import FileIO
import Foundation
import Glibc
import ImageData
import Launching
import Settings
import Tensors

/// `prepare`: raw class folders become a set with two or three parts.
struct PrepareCommand: Command {
  static let name = "prepare"
  static let summary = "split raw class folders into train/, validation/ and test/"
  static let discussion = """
    Copies the images of RAW/<class>/... to DIR/train/<class>, DIR/validation/<class> and, with \
    --test, DIR/test/<class>, or makes links to them. It draws N images, or P percent, of each class \
    at random. The folder RAW stays as it is. Files whose content is no image are named and left out.
    """
  static let operands: String? = "RAW"
  static let example = "avp-dist prepare photos --output data --validation 100"
  static let settings: [Setting<Self>] = [
    Setting(
      "output", \.output, "DIR", "a folder that does not exist yet or is empty",
      group: "Output", completion: .folders),
    Setting(
      "validation", \.validation, "N|P%", "validation images of each class", group: "Parts",
      shown: "100"),
    Setting("test", \.test, "N|P%", "test images of each class", group: "Parts", shown: "none"),
    Setting(
      "seed", \.seed, "N", in: .from(0, to: UInt64(Int.max)), "another seed draws other images",
      group: "Parts"),
    Setting(
      "link", \.link, "links to the images of RAW instead of copies", group: "Output",
      shown: "none"),
  ]

  enum Link: String, SettingChoice { case hard, symbolic }

  var output = ""
  var validation: HeldOut?
  var test: HeldOut?
  var link: Link?
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
    let held = [("validation", validation ?? .count(100)), ("test", test ?? .count(0))]
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
    try check(held.map(\.1), classes)
    var counts: [String: Int] = [:]
    for (label, samples) in classes.map(\.samples).enumerated() {
      var random = CounterRandom(seed: seed, purpose: .datasetSplit, index: label)
      var order = random.permutation(samples.count)[...]
      var parts = samples.map { _ in "train" }
      for (name, held) in held {
        let count = held.count(of: samples.count)
        for index in order.prefix(count) { parts[index] = name }
        order = order.dropFirst(count)
      }
      for (part, sample) in zip(parts, samples) {
        try place(sample, at: "\(output)/\(part)/\(sample.path)")
        counts[part, default: 0] += 1
      }
    }
    let tests = counts["test"].map { ", \($0) test" } ?? ""
    printLine(
      "\(output): \(counts["train"] ?? 0) training\(tests) and \(counts["validation"] ?? 0) "
        + "validation images of " + folders.classes.joined(separator: ", "))
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

  /// Refuses a class of which the held-out images would leave nothing to train on.
  private func check(_ held: [HeldOut], _ classes: [RawClass]) throws {
    let options =
      "--validation \(held[0].written)\(validation == nil ? ", the default," : "")"
      + (test.map { " and --test \($0.written)" } ?? "")
    func taken(_ count: Int) -> Int { held.reduce(0) { $0 + $1.count(of: count) } }
    for (name, samples) in classes where samples.count <= taken(samples.count) {
      throw Failure(
        status: .badData,
        description: """
          The class '\(name)' has \(samples.count) images; with \(options) none is left to train on. \
          Use \(test == nil ? "a lower --validation" : "lower ones").
          """)
    }
    let small = classes.filter { $0.samples.count < 2 * taken($0.samples.count) }.map(\.name)
    guard !small.isEmpty else { return }
    let names = small.prefix(5).joined(separator: ", ") + (small.count > 5 ? ", ..." : "")
    printError(
      "warning: with \(options) fewer images are left to train on than are taken away in \(names); "
        + "\(test == nil ? "a lower --validation leaves" : "lower numbers leave") more")
  }

  /// Puts an image into the new set.
  private func place(_ sample: Sample, at target: String) throws {
    do {
      let url = URL(fileURLWithPath: target)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      guard let link else {
        // What an image's file holds, and nothing else of it, such as its mode or its owner. A link
        // in RAW becomes the image itself, so that the new set stands alone.
        let bytes = try ImageSource(root: raw).bytes(of: sample)
        return try Data(bytes).write(to: url, options: .withoutOverwriting)
      }
      // The image itself, also where RAW has a link to it.
      let source = realPath("\(raw)/\(sample.path)")
      guard (link == .hard ? Glibc.link(source, target) : symlink(source, target)) == 0 else {
        throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
      }
    } catch let error as DatasetError {
      throw error
    } catch {
      let isFull =
        (error as? CocoaError)?.code == .fileWriteOutOfSpace
        || (error as? POSIXError)?.code == .ENOSPC
      let remedy = (error as? POSIXError)?.code == .EXDEV ? "; --link symbolic can be used" : ""
      throw Failure(
        status: isFull ? .writeFailed : .cannotCreate,
        description: "\(raw)/\(sample.path) cannot be \(link == nil ? "copied" : "linked") to "
          + "\(target): \(link == nil ? error.localizedDescription : reason(of: error))\(remedy)")
    }
  }
}

/// How many images of a class are held out: a number, or a share in percent.
enum HeldOut: SettingValue {
  case count(Int)
  case percent(Double)

  init?(written: String) {
    if written.hasSuffix("%") {
      guard let share = Double(written.dropLast()), share > 0, share < 100 else { return nil }
      self = .percent(share)
    } else {
      guard let count = Int(written), (1...1_000_000_000).contains(count) else { return nil }
      self = .count(count)
    }
  }

  var written: String {
    switch self {
    case .count(let count): count.written
    case .percent(let share): "\(share.written)%"
    }
  }

  /// Of a class with `total` images; of a share at least one.
  func count(of total: Int) -> Int {
    switch self {
    case .count(let count): count
    case .percent(let share): max(1, Int((Double(total) * share / 100).rounded()))
    }
  }
}
