import Collectives
import Diagnosis
import Foundation
import Head
import ImageData
import ImageTransforms
import Tensors
import Training

extension SpeedFacts {
  /// Measures this rank while all do the same.
  init(
    _ backbone: LoadedBackbone, _ command: TrainCommand, _ manifest: DatasetManifest?,
    shape: HeadShape, threads: Int, seconds: Double
  ) throws {
    let speed = try BackboneSpeed(backbone.backbone, threads: threads, seconds: seconds)
    self.init(
      backbone: speed.imagesPerSecond,
      preparation: manifest.flatMap { Self.preparation($0, backbone, command) } ?? 0,
      gradient: BackboneSpeed.headGradient(
        shape, batch: min(32, command.configuration.batchSize)),
      deviation: speed.deviation)
  }

  /// Median seconds to read, decode and vary one of up to 32 training images from all over the set;
  /// nil where none can be used.
  private static func preparation(
    _ manifest: DatasetManifest, _ backbone: LoadedBackbone, _ command: TrainCommand
  ) -> Double? {
    let configuration = command.configuration
    let transform = ImageTransform(
      preset: configuration.preset, geometry: configuration.geometry,
      normalisation: backbone.normalisation)
    let source = ImageSource(root: command.images.root, orientation: configuration.orientation)
    let step = max(1, manifest.train.count / 32)
    let times = stride(from: 0, to: manifest.train.count, by: step).prefix(32)
      .compactMap { index -> Double? in
        let begin = ContinuousClock.now
        guard let image = try? source.image(of: manifest.train[index]) else { return nil }
        if let augmentation = configuration.augmentation {
          var random = CounterRandom(seed: 0, purpose: .augmentation, index: index)
          _ = transform.augmentedInput(of: image, augmentation: augmentation, random: &random)
        } else {
          _ = transform.input(of: image, for: backbone.precision)
        }
        return (ContinuousClock.now - begin).inSeconds
      }
    return median(times)
  }
}
