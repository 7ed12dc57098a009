import Collectives
import FileIO
import Foundation
import ImageData
import Launching
import Reports
import Settings
import Training

/// Which labelled images a command works on.
struct ImageSetSettings: SettingsGroup {
  var data = "data"
  /// A table of images, instead of a folder.
  var manifest: String?

  static let settings: [Setting<Self>] = [
    Setting(
      "data", \.data, "DIR",
      "folder with train/ and validation/, or with class folders", group: "Images",
      completion: .folders),
    Setting(
      "manifest", \.manifest, "FILE",
      "table of images in place of --data: CSV, TSV or JSON lines with path and label",
      group: "Images", completion: .files),
  ]

  mutating func settle(given: Set<String>) throws(UsageError) {
    guard given.isSuperset(of: ["data", "manifest"]) else { return }
    throw UsageError("--data and --manifest are given; one of them names the images.")
  }

  /// What the paths of images are relative to.
  var root: String { manifest.map(folder) ?? data }

  /// What messages call the set.
  var name: String { manifest ?? data }

  /// The images, while the ranks that wait for the list learn how far it is.
  func scan(
    _ wish: PartWish = PartWish(), reportingTo communicator: any Communicator = SingleProcess(),
    style: ProgressStyle = .auto
  ) throws -> DatasetManifest {
    try Screen.phase("listing images", style: style) { update in
      var count = 0
      let note = { (path: String) in
        communicator.noteListing(path)
        count += 1
        update(count, nil)
      }
      guard let manifest else {
        return try DatasetManifest.scan(root: data, wish, whileScanning: note)
      }
      return try DatasetManifest.scan(ManifestFile(path: manifest), wish, whileScanning: note)
    }
  }

  /// The images as rank 0 lists them. Collective.
  func shared(
    _ wish: PartWish, _ communicator: any Communicator, style: ProgressStyle = .auto
  ) throws -> DatasetManifest {
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      bytes = [UInt8](
        try JSONEncoder().encode(scan(wish, reportingTo: communicator, style: style)))
    }
    try communicator.broadcast(&bytes, from: 0)
    return try JSONDecoder().decode(DatasetManifest.self, from: Data(bytes))
  }

  /// The images, whose classes must be those of a model, and what was left out on the standard error.
  func scan(
    _ wish: PartWish, classes: [String], reportingTo communicator: any Communicator
  ) throws -> DatasetManifest {
    let set = try scan(wish, reportingTo: communicator)
    if set.leftOut.count > 0 { printError("\(set.leftOut)") }
    guard set.classes == classes else {
      throw Failure(
        status: .badData,
        description: """
          \(name) has the classes \(set.classes.joined(separator: ", ")); the model knows \
          \(classes.joined(separator: ", ")).
          """)
    }
    return set
  }
}

extension PartSettings {
  /// What a command with a model looks at: parts as typed, else as the model had them.
  func wish(needing part: Part, of model: PartShares?) -> PartWish {
    PartWish(
      needed: part == .train ? [] : [part], shares: shares ?? model, isFallback: shares == nil)
  }
}
