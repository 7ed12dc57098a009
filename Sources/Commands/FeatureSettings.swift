import ImageCodecs
import ImageData
import ImageTransforms
import ResNet
import Settings
import Training

/// How commands without a model make features of images.
struct FeatureSettings: SettingsGroup {
  var backbone = BackboneSettings()
  var preset = Preset.pytorch
  var orientation = OrientationPolicy.ignore
  var geometry = Geometry()

  static let settings: [Setting<Self>] =
    part(\.backbone) + [
      Setting("preset", \.preset, "framework whose resizing is followed", group: "Images"),
      Setting(
        "exif-orientation", \.orientation, "whether images are turned by their EXIF orientation",
        group: "Images"),
    ] + part(\.geometry)

  /// The backbone, in int8 with the scales of `--calibration`.
  func loadedBackbone() throws -> LoadedBackbone {
    try LoadedBackbone(backbone, inputSize: geometry.size) { loaded in
      guard backbone.precision == .int8 else { return nil }
      // Scales of its own would make an image's features depend on the others.
      guard let file = backbone.calibration else {
        throw UsageError(
          "--precision int8 needs --calibration FILE here; `avp-dist calibrate` makes the file.")
      }
      return try Calibration(file: file, for: loaded)
    }
  }

  /// What makes features of images below `root`.
  func extractor(_ backbone: LoadedBackbone, root: String) -> FeatureExtractor {
    FeatureExtractor(
      backbone: backbone.backbone,
      transform: ImageTransform(
        preset: preset, geometry: geometry, normalisation: backbone.normalisation),
      images: ImageSource(root: root, orientation: orientation))
  }
}

extension FeatureExtractor {
  /// The same extractor, which takes features of unaugmented images, and of views where these come
  /// back, from a cache and puts them there; nil for none.
  func caching(
    _ backbone: LoadedBackbone, in folder: String?, keepsViews: Bool = false
  ) -> FeatureExtractor {
    guard let folder else { return self }
    let context = FeatureContext(
      fingerprint: backbone.fingerprint, featureLayer: backbone.record.featureLayer,
      featureCount: backbone.backbone.featureCount, kernels: backbone.backbone.identity,
      transform: transform, orientation: images.orientation)
    return caching(
      plainIn: folder + "/features", viewsIn: keepsViews ? folder + "/views" : nil,
      context: context.text, warn: printWarning)
  }
}
