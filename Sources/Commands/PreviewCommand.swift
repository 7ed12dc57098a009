import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import Reports
import Settings
import Tensors
import Training

/// `preview`: what augmentation makes of some images.
struct PreviewCommand: Command {
  static let name = "preview"
  static let summary = "a page that shows what augmentation makes of some images"
  static let discussion = """
    Writes a page with training images of DIR, spread evenly over the classes, as the network sees \
    them: first without augmentation, then as `train` with the same settings and seed augments \
    them in its first epochs.
    """
  static let example = "avp-dist preview --data data --output preview.html"
  static let settings: [Setting<Self>] =
    part(\.images) + [
      Setting(
        "output", \.output, "FILE.html", "the page to write", group: "Output",
        completion: .files),
      Setting(
        "images", \.count, "N", in: .from(1, to: 1000), "how many images", group: "Output"),
      Setting(
        "epochs", \.epochs, "N", in: .from(1, to: 100), "how many augmented variants of each image",
        group: "Output"),
    ]
    + TrainingConfiguration.settings
    .filter {
      ["preset", "exif-orientation", "seed"].contains($0.facts.name)
        || ["Images", "Augmentation"].contains($0.facts.group) && $0.facts.name != "views"
    }
    .map { $0.within(\.configuration) }

  var images = ImageSetSettings()
  var output = ""
  var count = 8
  var epochs = 5
  var configuration = TrainingConfiguration()

  mutating func settle(given: Set<String>) throws(UsageError) {
    try images.settle(given: given)
    try configuration.parts.settle(given: given)
  }

  func run() throws {
    let output = try required(output, "output")
    let manifest = try images.scan(PartWish(needed: [], shares: configuration.parts.shares))
    if manifest.leftOut.count > 0 { printError("\(manifest.leftOut)") }
    let source = ImageSource(root: images.root, orientation: configuration.orientation)
    let transform = ImageTransform(
      preset: configuration.preset, geometry: configuration.geometry,
      normalisation: configuration.preset.normalisation)
    let rows = try Self.spread(manifest.train, count, classes: manifest.classes.count).map {
      index in
      let sample = manifest.train[index]
      let image = try source.image(of: sample)
      return PreviewPage.Row(
        path: sample.path, label: manifest.classes[sample.label],
        plain: try encodeJPEG(transform.resized(image), quality: 90),
        variations: try (0..<epochs).map { epoch in
          try encodeJPEG(
            Self.variation(of: image, epoch, index, transform, configuration), quality: 90)
        })
    }
    let page = PreviewPage.html(rows, settings: Self.words(configuration))
    try writeAtomically(Array(page.utf8), to: output)
    printLine("\(output): \(rows.count) images, each as it is and in \(epochs) variations")
  }

  /// The image as the training of `epoch` sees it.
  private static func variation(
    of image: RGBImage, _ epoch: Int, _ index: Int, _ transform: ImageTransform,
    _ configuration: TrainingConfiguration
  ) -> RGBImage {
    guard let augmentation = configuration.augmentation else { return transform.resized(image) }
    var random = CounterRandom(
      seed: configuration.seed, purpose: .augmentation, epoch: epoch, index: index)
    return transform.augmentedImage(of: image, augmentation: augmentation, random: &random)
  }

  /// The indices of `count` samples: the same number of each class as far as possible, and from all
  /// over a class.
  static func spread(_ samples: [Sample], _ count: Int, classes: Int) -> [Int] {
    let groups = (0..<classes).map { label in
      samples.indices.filter { samples[$0].label == label }
    }
    return groups.enumerated().flatMap { index, group in
      let share = min(group.count, count / classes + (index < count % classes ? 1 : 0))
      return (0..<share).map { group[$0 * group.count / share] }
    }
  }

  private static func words(_ configuration: TrainingConfiguration) -> String {
    let text = "preset \(configuration.preset.rawValue), seed \(configuration.seed)"
    guard let augmentation = configuration.augmentation else { return text }
    return text + ", shear up to \(augmentation.shear)°, zoom up to \(augmentation.zoom), "
      + "mirrored with probability \(augmentation.horizontalFlip)"
      + (augmentation.hasOperations ? ",\(augmentation.words)" : "")
  }
}
