import Collectives
import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import Kernels
import Reports
import ResNet
import Settings
import Training

/// `calibrate`: the scales of int8, chosen by themselves.
struct CalibrateCommand: Command {
  static let name = "calibrate"
  static let summary = "choose the scales of an int8 backbone on training images"
  static let discussion = """
    Writes the scales that `train --precision int8` chooses by itself on the training images of DIR, \
    for the option --calibration: `features` in int8 needs it, and so does a model that was trained in \
    f32 and is to be used in int8.
    """
  static let example = "avp-dist calibrate --data data --output scales.json"
  static let settings: [Setting<Self>] =
    part(\.images) + part(\.parts) + [
      Setting("preset", \.preset, "whose resizing", group: "Images"),
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: "Images"),
    ] + part(\.geometry) + [
      Setting(
        "on-bad-image", \.onBadImage, "what happens where images cannot be used", group: "Images")
    ]
    + part(\.backbone).filter { !["precision", "calibration", "threads"].contains($0.facts.name) }
    + [
      Setting(
        "output", \.output, "FILE.json", "the file to write", group: "Output", completion: .files),
      Setting(
        "layers", \.layers, "also say how far each layer is from floats", group: "Output"),
    ]

  var images = ImageSetSettings()
  var parts = PartSettings()
  var preset = Preset.pytorch
  var geometry = Geometry()
  var orientation = OrientationPolicy.ignore
  var onBadImage = BadImagePolicy.fail
  var backbone = BackboneSettings()
  var output = ""
  var layers = false

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    try parts.settle(given: given)
  }

  func run() throws {
    let output = try required(output, "output")
    // Before the work, not after it: whether the file can be made.
    try TemporaryFile(beside: output).discard()
    let manifest = try images.scan(PartWish(needed: [], shares: parts.shares))
    if manifest.leftOut.count > 0 { printError("\(manifest.leftOut)") }
    let loaded = try LoadedWeights(
      BackboneChoice.resolve(
        backbone.weights, environment: ProcessInfo.processInfo.environment))
    let source = CalibrationSource(
      transform: ImageTransform(
        preset: preset, geometry: geometry, normalisation: loaded.normalisation),
      source: ImageSource(root: images.root, orientation: orientation), samples: manifest.train,
      onBadImage: onBadImage, featureLayer: backbone.featureLayer, cache: backbone.machine.cache)
    let calibration = try source.shared(loaded, SingleProcess())
    try writeAtomically(calibration.file, to: output)
    printLine("\(output): \(calibration.scales.count) scales from \(calibration.shortText)")
    if layers { try printErrors(of: calibration, loaded, source) }
  }

  /// The error of each layer on some of the images that the scales were chosen on.
  private func printErrors(
    of calibration: Calibration, _ loaded: LoadedWeights, _ source: CalibrationSource
  ) throws {
    let weights = loaded.weights
    let integers = try IntegerBackbone(
      weights: weights, conventions: weights.conventions, normalisation: weights.pixels,
      calibration: calibration, featureLayer: backbone.featureLayer, path: IntegerPath.selected(),
      inputSize: geometry.size)
    let floats = try FloatBackbone(
      weights: weights, conventions: weights.conventions, featureLayer: backbone.featureLayer,
      kernels: KernelPath.selected(), inputSize: geometry.size)
    let images = try source.images(16) {
      (bytes: source.transform.bytes(of: $0), numbers: source.transform.input(of: $0))
    }
    printLine("layer        difference from floats, by their length, on \(images.count) images")
    for error in try layerErrors(of: integers, against: floats, on: images) {
      printLine(error.layer.padding(to: 12) + String(format: "%9.2f %%", 100 * error.ratio))
    }
  }
}
