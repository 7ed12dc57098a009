import Collectives
import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import ImageTransforms
import Kernels
import ResNet
import ResNetWeights
import Tensors
import Testing

@testable import Training

/// Real images through a tiny network, with and without features on disk.
///
/// Whether a stored vector is used shows in the answer where another vector was planted under its
/// key.
@Suite struct FeatureExtractorTests {
  private let scratch: ScratchFolder
  private let backbone: FloatBackbone
  private let planted: [Float]

  init() throws {
    scratch = try ScratchFolder()
    backbone = try FloatBackbone(
      weights: RandomWeights(seed: 3, blocks: [1], width: 8), kernels: .best, inputSize: 64)
    planted = (0..<backbone.featureCount).map { Float($0) }
    for index in 0..<6 {
      var random = CounterRandom(seed: 9, purpose: .demoFigures, index: index)
      let pixels = (0..<40 * 30 * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let image = RGBImage(width: 40, height: 30, pixels: pixels)
      try scratch.write(encodeJPEG(image, quality: 90), "\(index).jpg")
    }
  }

  private func sample(_ index: Int) throws -> Sample {
    let bytes = try scratch.bytes("\(index).jpg").count
    return Sample(path: "\(index).jpg", label: index % 2, bytes: bytes)
  }

  private func request(_ index: Int, view: Int? = nil) throws -> FeatureRequest {
    FeatureRequest(sample: try sample(index), index: index, view: view)
  }

  private func unkept(
    augmentation: Augmentation? = nil, seed: UInt64 = 1, onBadImage: BadImagePolicy = .fail
  ) -> FeatureExtractor {
    FeatureExtractor(
      backbone: backbone,
      transform: ImageTransform(
        preset: .pytorch, geometry: Geometry(size: 64), normalisation: .torch),
      augmentation: augmentation, seed: seed, images: ImageSource(root: scratch.path),
      onBadImage: onBadImage)
  }

  private func extractor(
    augmentation: Augmentation? = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5),
    seed: UInt64 = 1, context: String = "context", onBadImage: BadImagePolicy = .fail
  ) -> FeatureExtractor {
    unkept(augmentation: augmentation, seed: seed, onBadImage: onBadImage).caching(
      plainIn: scratch.path + "/plain", viewsIn: scratch.path + "/views", context: context,
      warn: { _ in })
  }

  private func results(
    _ extractor: FeatureExtractor, _ requests: [FeatureRequest]
  ) throws -> [[Float]?] {
    try extractor.makeWorker()(requests) { _ in }.map(\.features)
  }

  /// The files of a store.
  private func entries(_ name: String) -> [String] {
    let all = try? FileManager.default.subpathsOfDirectory(atPath: "\(scratch.path)/\(name)")
    return (all ?? []).filter { $0.hasSuffix(".features") }.sorted()
  }

  /// Puts `vector` under every key of a store.
  private func plant(_ vector: [Float], in name: String) throws {
    for entry in entries(name) {
      let file = "\(name)/\(entry)"
      var content = try Array(scratch.bytes(file).dropFirst(64).dropLast(4 * vector.count))
      for value in vector {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { content.append(contentsOf: $0) }
      }
      try scratch.write(Array(sha256(content).utf8) + content, file)
    }
  }

  @Test func storedVectorsAreUsed() throws {
    for (name, view) in [("plain", nil), ("views", 2)] as [(String, Int?)] {
      let requests = [try request(0, view: view)]
      let computed = try results(extractor(), requests)
      #expect(entries(name).count == 1)
      let again = try results(extractor(), requests)
      #expect(again == computed)
      try plant(planted, in: name)
      let stored = try results(extractor(), requests)
      #expect(stored == [planted])
      #expect(stored != computed)
    }
  }

  @Test func everythingThatDecidesAViewIsInItsKey() throws {
    let request = try request(0, view: 2)
    _ = try results(extractor(), [request])
    var others: [(FeatureExtractor, FeatureRequest)] = [
      (extractor(seed: 2), request), (extractor(context: "other"), request),
      (extractor(), try self.request(0, view: 3)), (extractor(), try self.request(1, view: 2)),
      (extractor(), FeatureRequest(sample: request.sample, index: 5, view: 2)),
    ]
    for augmentation in [
      Augmentation(shear: 11, zoom: 0.2, horizontalFlip: 0.5),
      Augmentation(shear: 10, zoom: 0.3, horizontalFlip: 0.5),
      Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.6),
      Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5, ["vflip": "0.5"]),
      Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5, ["vflip": "0.6"]),
    ] {
      others.append((extractor(augmentation: augmentation), request))
    }
    for (count, other) in others.enumerated() {
      #expect(entries("views").count == count + 1)
      _ = try results(other.0, [other.1])
    }
    #expect(entries("views").count == others.count + 1)
    #expect(entries("plain").isEmpty)
  }

  /// The name and the place of an image do not matter without augmentation, its bytes do.
  @Test func plainFeaturesAreThoseOfTheBytes() throws {
    let first = try results(extractor(), [request(0)])
    try scratch.write(try scratch.bytes("0.jpg"), "1.jpg")
    try plant(planted, in: "plain")
    let same = try results(extractor(seed: 5), [request(1)])
    #expect(same == [planted])
    try scratch.write(try scratch.bytes("2.jpg"), "0.jpg")
    let other = try results(extractor(), [request(0)])
    #expect(other != first && other != same)
  }

  @Test func storedComputedAndSkippedImagesMayShareACall() throws {
    var expected = try (0..<6).map { try results(unkept(), [request($0)])[0] }
    _ = try results(extractor(), [request(1), request(4)])
    try plant(planted, in: "plain")
    try scratch.write([1, 2, 3], "3.jpg")
    let answers = try extractor(onBadImage: .skip).makeWorker()((0..<6).map { try request($0) }) {
      _ in
    }
    for index in [1, 4] { expected[index] = planted }
    expected[3] = nil
    #expect(answers.map(\.features) == expected)
    for (index, answer) in answers.enumerated() {
      let digest = ImageDigest(SHA256.Digest(of: try scratch.bytes("\(index).jpg")))
      #expect(answer.digest == digest)
    }
    #expect(throws: DatasetError.self) { try results(extractor(), [request(0), request(3)]) }
  }

  /// All images that are decoded ask for memory, and those with features on disk do not.
  @Test func threadsShareTheMemoryForDecoding() throws {
    let memory = MemoryBudget(bytes: 1)
    let requests = try (0..<6).map { try request($0) }
    let answers = try features(of: requests, extractor(), memory, threads: 3)
    #expect(try answers == results(unkept(), requests))
    #expect(memory.served == 6)
    #expect(try features(of: requests, extractor(), memory, threads: 3) == answers)
    #expect(memory.served == 6)
  }

  private func features(
    of requests: [FeatureRequest], _ extractor: FeatureExtractor, _ memory: MemoryBudget,
    threads: Int
  ) throws -> [[Float]?] {
    let pipeline = FeaturePipeline(
      requests: requests.makeIterator(), lookAhead: requests.count, groupSize: 2, threads: threads,
      makeWorker: { try extractor.makeWorker(sharing: memory) })
    defer { pipeline.stop() }
    return try pipeline.next(requests.count).map(\.features)
  }

  /// What a file says is told also where its features come from disk.
  @Test func notesAreTheFiles() throws {
    let exif = Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]
    let bytes = try scratch.bytes("2.jpg")
    let segment = [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif
    try scratch.write(bytes.prefix(2) + segment + bytes.dropFirst(2), "2.jpg")
    for _ in 0..<2 {
      let answers = try extractor().makeWorker()((0..<4).map { try request($0) }) { _ in }
      #expect(answers.map(\.notes.isTurned) == [false, false, true, false])
    }
  }

  /// As if the image had been stored as its EXIF data say; a thumbnail is what the network sees.
  @Test func orientationIsAppliedWhereThatIsAskedFor() throws {
    let exif = Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6]
    let bytes = try scratch.bytes("2.jpg")
    let segment = [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif
    let tagged = Array(bytes.prefix(2) + segment + bytes.dropFirst(2))
    let upright = try decodeImage(bytes).turned(.turnedRight)
    for (policy, expected) in [
      (OrientationPolicy.ignore, try decodeImage(bytes)), (.apply, upright),
    ] {
      try scratch.write(tagged, "2.jpg")
      let images = ImageSource(root: scratch.path, orientation: policy)
      let transform = ImageTransform(
        preset: .pytorch, geometry: Geometry(size: 64), normalisation: .torch)
      let extractor = FeatureExtractor(backbone: backbone, transform: transform, images: images)
      let answer = try extractor.makeWorker()([request(2)]) { _ in }[0]
      #expect(answer.notes.isTurned == (policy == .ignore))
      let workspace = try backbone.makeWorkspace()
      let features = try backbone.features(
        of: [transform.input(of: expected)], workspace: workspace)
      #expect(answer.features == features[0])
      #expect(try images.image(of: sample(2)) == expected)
    }
  }

  /// An image that is not there is never left out.
  @Test func aMissingFileEndsTheRunWithEitherPolicy() throws {
    let request = try request(0)
    try FileManager.default.removeItem(atPath: scratch.path + "/0.jpg")
    #expect(throws: DatasetError.self) { try results(extractor(onBadImage: .skip), [request]) }
  }
}

// MARK: - Whole runs

extension FeatureExtractorTests {
  /// Two epochs of one view with the features on disk.
  private func train(from state: TrainingState? = nil, maxSteps: Int? = nil) throws -> TrainingState
  {
    var configuration = SyntheticRun.configuration
    configuration.views = 1
    configuration.maxSteps = maxSteps
    let manifest = DatasetManifest(
      classes: ["a", "b"], train: try (0..<4).map(sample), validation: try (4..<6).map(sample))
    let start = try TrainingState(
      configuration, features: backbone.featureCount, classes: 2, trainCount: 4)
    var trainer = try Trainer(
      manifest: manifest, configuration: configuration, producer: extractor(),
      from: state ?? start, options: RunOptions(), communicator: SingleProcess(),
      stop: StopSignal(), observer: SilentObserver())
    #expect(try trainer.run() == .finished)
    return trainer.state
  }

  /// With one view, epochs after the first take every training vector from the disk, and a run that
  /// goes on takes the validation's from there.
  @Test func laterEpochsAndResumedRunsReadTheStores() throws {
    let whole = try train()
    #expect(entries("views").count == 4)
    #expect(entries("plain").count == 2)
    let first = try train(maxSteps: 1)
    let resumed = try train(from: first)
    #expect(resumed.history == whole.history)

    try plant(planted, in: "plain")
    let otherValidation = try train(from: first)
    #expect(otherValidation.head == whole.head)
    #expect(otherValidation.history.last?.validationLoss != whole.history.last?.validationLoss)
    try plant(planted, in: "views")
    #expect(try train(from: first).head != whole.head)
    #expect(entries("views").count == 4 && entries("plain").count == 2)
  }
}
