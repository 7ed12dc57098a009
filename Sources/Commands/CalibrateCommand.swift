import Collectives
import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import ResNet
import Settings
import Training

/// `calibrate`: the scales of int8, chosen by themselves.
struct CalibrateCommand: Command {
  static let name = "calibrate"
  static let summary = "choose the scales of an int8 backbone on training images"
  static let discussion = """
    Writes the scales that `train --precision int8` chooses by itself on the training images of DIR, \
    for commands that have no such images: `features`, `bench`, and `predict` with a model that was \
    trained in f32.
    """
  static let example = "avp-dist calibrate --data data --output scales.json"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "data", \.data, "DIR", "folder with train/ and validation/", group: "Images",
        completion: .folders),
      Setting("preset", \.preset, "whose resizing", group: "Images"),
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: "Images"),
      Setting(
        "on-bad-image", \.onBadImage, "what happens where images cannot be used", group: "Images"),
    ] + part(\.backbone).filter { !["precision", "calibration"].contains($0.facts.name) } + [
      Setting(
        "output", \.output, "FILE.json", "the file to write", group: "Output", completion: .files)
    ]

  var data = "data"
  var preset = Preset.pytorch
  var orientation = OrientationPolicy.ignore
  var onBadImage = BadImagePolicy.fail
  var backbone = BackboneSettings()
  var output = ""

  func run() throws {
    let output = try required(output, "output")
    let manifest = try DatasetManifest.scan(root: data)
    if manifest.leftOut.count > 0 { printError("\(manifest.leftOut)") }
    let loaded = try LoadedWeights(
      BackboneChoice.resolve(
        backbone.weights, environment: ProcessInfo.processInfo.environment))
    let calibration = try CalibrationSource(
      transform: ImageTransform(preset: preset, normalisation: loaded.normalisation),
      source: ImageSource(root: data, orientation: orientation), samples: manifest.train,
      onBadImage: onBadImage, featureLayer: backbone.featureLayer, cache: backbone.machine.cache
    ).shared(loaded, SingleProcess())
    try writeAtomically(calibration.file, to: output)
    printLine("\(output): \(calibration.scales.count) scales from \(calibration.shortText)")
  }
}
