import Collectives
import FileIO
import Foundation
import ImageCodecs
import ImageData
import ImageTransforms
import Kernels
import Launching
import Reports
import ResNet
import ResNetWeights
import Tensors
import Training

extension Calibration {
  /// Reads what `avp-dist calibrate` wrote.
  ///
  /// - Throws: a failure if the file is something else, or made for other weights.
  init(file path: String, for loaded: LoadedWeights) throws {
    let bytes = try readFile(path, limit: 1 << 20)
    do {
      self = try JSONDecoder().decode(Calibration.self, from: Data(bytes))
    } catch {
      throw Failure(
        status: .badData,
        description: "\(path) is not what `avp-dist calibrate` writes: \(reason(of: error))")
    }
    guard version == Self.version else {
      throw Failure(
        status: .badData,
        description: "\(path) was made by another version of avp-dist; make it again with "
          + "`avp-dist calibrate`.")
    }
    guard fingerprint == loaded.fingerprint else {
      throw Failure(
        status: .badData,
        description: "\(path) was made for other weights than \(loaded.path): those of fingerprint "
          + "\(fingerprint.prefix(12))…, not \(loaded.fingerprint.prefix(12))….")
    }
  }

  /// The content of a file.
  var file: [UInt8] {
    get throws { try JSONEncoder.sorted.encode(self) + Array("\n".utf8) }
  }
}

/// Chooses the scales of int8, on rank 0 for all ranks.
struct CalibrationSource {
  /// How images become pixels.
  let transform: ImageTransform
  let source: ImageSource
  /// The images to choose from.
  let samples: [Sample]
  let onBadImage: BadImagePolicy
  let featureLayer: FeatureLayer?
  /// The folder of scales chosen before; nil for none.
  let cache: String?
  var style = ProgressStyle.auto

  /// The scales for `loaded`. Collective.
  func shared(_ loaded: LoadedWeights, _ communicator: any Communicator) throws -> Calibration {
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      communicator.activity = "choosing the scales of int8"
      bytes = try chosen(loaded) { try communicator.reportActivity() }.file
      communicator.activity = ""
    }
    try communicator.broadcast(&bytes, from: 0)
    return try JSONDecoder().decode(Calibration.self, from: Data(bytes))
  }

  /// The scales for `loaded`, from the cache or chosen anew.
  private func chosen(
    _ loaded: LoadedWeights, _ reporting: @escaping () throws -> Void
  ) throws -> Calibration {
    let images = try Screen.phase("reading images for the scales", style: style) { update in
      var count = 0
      return try self.images {
        count += 1
        update(count, nil)
        try reporting()
      } as: {
        transform.bytes(of: $0)
      }
    }
    return try Self.calibrate(
      loaded, featureLayer: featureLayer, images: images, size: transform.size, cache: cache,
      style: style, reporting)
  }

  /// Those of the images that scales are chosen on which can be used, at most `count` of them, evenly
  /// spaced; each as what `form` makes of it, because 64 photographs take gigabytes.
  func images<Form>(
    _ count: Int = .max, _ reporting: () throws -> Void = {}, as form: (RGBImage) -> Form
  ) throws -> [Form] {
    let sample = Calibration.sample(of: samples.count, size: transform.size)
    let count = min(count, sample.count)
    return try (0..<count).compactMap { index in
      try reporting()
      return try image(of: samples[sample[index * sample.count / count]]).map(form)
    }
  }

  /// An image; nil where it cannot be used and is left out.
  private func image(of sample: Sample) throws(DatasetError) -> RGBImage? {
    do throws(DatasetError) {
      return try source.image(of: sample)
    } catch  where error.kind == .invalid && onBadImage == .skip {
      return nil
    }
  }

  /// The scales chosen on `images`, from the cache or anew.
  static func calibrate(
    _ loaded: LoadedWeights, featureLayer: FeatureLayer?, images: [[UInt8]], size: Int,
    cache: String?, style: ProgressStyle = .auto, _ reporting: @escaping () throws -> Void = {}
  ) throws -> Calibration {
    var digest = SHA256()
    for image in images { digest.update(image) }
    let pixels = digest.digest().hexadecimal
    let key = sha256(
      Array(
        [
          "version \(Calibration.version)", loaded.fingerprint, featureLayer?.rawValue ?? "",
          "\(loaded.normalisation)", "\(size)", pixels,
        ].joined(separator: "\n").utf8))
    let folder = cache.map { GuardedFolder(path: $0 + "/calibrations", trust: .ownerOnly) }
    if let bytes = try? folder?.read("\(key).json", limit: 1 << 20),
      let found = try? JSONDecoder().decode(Calibration.self, from: Data(bytes)),
      found.version == Calibration.version, found.fingerprint == loaded.fingerprint,
      found.pixels == pixels, found.images == images.count,
      found.scales.values.allSatisfy(Calibration.usable.contains)
    {
      return found
    }
    let calibration = try Screen.phase("choosing the scales of int8", style: style) { update in
      try Calibrator.calibrate(
        weights: loaded.weights, fingerprint: loaded.fingerprint,
        conventions: loaded.weights.conventions, normalisation: loaded.normalisation,
        featureLayer: featureLayer, path: IntegerPath.selected(), inputSize: size, images: images
      ) { done, count in
        update(done, count)
        try reporting()
      }
    }
    // Without a cache they are chosen again in the next run, which costs seconds.
    if let folder, let bytes = try? calibration.file {
      try? folder.create()
      try? folder.write(bytes, to: "\(key).json")
    }
    return calibration
  }
}
