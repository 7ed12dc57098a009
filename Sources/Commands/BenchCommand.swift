import Collectives
import DemoFigures
import FileIO
import Foundation
import Head
import ImageCodecs
import ImageTransforms
import Kernels
import Reports
import ResNet
import Settings
import Tensors
import Training

/// `bench`: how fast this machine is.
struct BenchCommand: Command {
  static let name = "bench"
  static let summary = "measure the backbone, decoding, and under mpirun the exchange"
  static let discussion = """
    Measures how many images a second this machine does and where the time goes. Pin it to a core \
    with `taskset -c 0` to compare engines; run it under mpirun to measure the allreduce too.
    """
  static let isForRanks = true
  static let example = "taskset -c 0 avp-dist bench --threads 1"
  static let settings: [Setting<Self>] =
    [
      Setting(
        "weights", \.backbone.weights, "FILE|demo|random[:SEED]", "backbone weights",
        group: "Backbone", shown: "random", completion: .files)
    ] + part(\.backbone).filter { $0.facts.name != "weights" }
    + part(\.geometry).filter { $0.facts.name == "image-size" } + [
      Setting(
        "seconds", \.seconds, "S", in: .from(0.1, to: 3600), "how long the backbone is measured",
        group: "Measurement"),
      Setting("json", \.json, "the result as one JSON object", group: "Output"),
    ]

  var backbone = BackboneSettings()
  var geometry = Geometry()
  var seconds = 5.0
  var json = false

  func run() throws { try withRanks(stallTimeout: .seconds(300)) { try bench($0) } }

  private func bench(_ communicator: any Communicator) throws {
    let loaded = try LoadedBackbone(
      backbone.weights ?? .random(seed: 0), backbone.machine, featureLayer: backbone.featureLayer,
      inputSize: geometry.size
    ) { try BackboneSpeed.calibration(backbone, size: geometry.size, for: $0) }
    let threads = try backbone.machine.threads(communicator)
    let (peaks, layers) = try Self.layerTimes(loaded.backbone)
    var result = BenchResult(
      backbone: loaded.summary, precision: loaded.backbone.precision, kernels: loaded.kernels,
      threads: threads, ranks: communicator.worldSize, peaks: peaks, layers: layers,
      picturePreparationMilliseconds: try Self.preparation(geometry))
    try communicator.barrier()
    result.backboneImagesPerSecond = try BackboneSpeed(
      loaded.backbone, threads: threads, seconds: seconds
    ).imagesPerSecond
    var rate = [result.backboneImagesPerSecond]
    try communicator.allreduce(&rate, .sum)
    result.backboneImagesPerSecondAllRanks = rate[0]
    if communicator.worldSize > 1 {
      result.allreduceLatencyMicroseconds = try Self.allreduce(1, communicator)
      let shape = try HeadShape(features: 2_048, hidden: 128, classes: 2)
      // Behind the gradient stands whether to stop.
      let count = ExactGradient(shape: shape, globalBatch: Self.globalBatch).values.count + 1
      let time = try Self.allreduce(count, communicator)
      result.allreduceGradientMilliseconds = time / 1000
      result.allreduceMegabytesPerSecond = Double(8 * count) / time
      let floatTime = try Self.allreduce(count, communicator, as: Float.self)
      result.exactSum = BenchResult.ExactSum(
        gradientMilliseconds: 1000 * BackboneSpeed.headGradient(shape, batch: Self.globalBatch),
        allreduceMilliseconds: time / 1000, floatAllreduceMilliseconds: floatTime / 1000,
        stepMilliseconds: 1000 * Double(Self.globalBatch) / rate[0],
        imagesOfRank: Double(Self.globalBatch) / Double(communicator.worldSize))
    }
    guard communicator.rank == 0 else { return }
    try printResult(json ? result.json : visible(result.text))
  }

  /// The peaks, and the time of each class of layers for one image, on one thread.
  ///
  /// Both are medians of rounds in which one is measured right after the other: the speed of a
  /// shared machine changes from second to second.
  private static func layerTimes(
    _ backbone: any Backbone
  ) throws -> (peaks: PeakRates, layers: [BenchResult.Layer]) {
    let worker = try backbone.makeTimedWorker()
    let group = BackboneSpeed.inputs(backbone)
    _ = try worker(group)
    var peaks: [PeakRates] = []
    var rounds: [[LayerTime]] = []
    for _ in 0..<9 {
      peaks.append(backbone.measurePeaks(seconds: 0.02))
      rounds.append(try worker(group))
    }
    let peak = PeakRates(
      products: median(peaks.map(\.products)), tiles: median(peaks.map(\.tiles)))
    let layers = rounds[0].enumerated().map { index, time in
      let seconds = median(rounds.map { $0[index].seconds })
      return BenchResult.Layer(
        name: time.layer.rawValue, milliseconds: seconds * 1000 / Double(group.count),
        gflops: seconds > 0 ? time.operations / seconds / 1e9 : 0,
        peak: (time.layer == .products ? peak.tiles : peak.products) / 1e9)
    }
    return (peak, layers)
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  /// Milliseconds to decode, resize, augment and normalise one image.
  private static func preparation(_ geometry: Geometry) throws -> Double {
    let bytes = try encodeJPEG(drawFigure(kind: .alien, seed: 0, index: 0), quality: 90)
    let transform = ImageTransform(
      preset: .pytorch, geometry: geometry, normalisation: .torch)
    let augmentation = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5)
    let rounds = 50
    let begin = ContinuousClock.now
    for index in 0..<rounds {
      var random = CounterRandom(seed: 0, purpose: .augmentation, index: index)
      _ = transform.augmentedInput(
        of: try decodeImage(bytes), augmentation: augmentation, random: &random)
    }
    return (ContinuousClock.now - begin).inSeconds * 1000 / Double(rounds)
  }

  /// The images of the step that the cost of the exact sum is compared with.
  private static let globalBatch = 32

  /// Median microseconds of an allreduce of `count` numbers.
  private static func allreduce<Number: Reducible & ExpressibleByIntegerLiteral>(
    _ count: Int, _ communicator: any Communicator, as type: Number.Type = Int64.self
  ) throws -> Double {
    var values = [Number](repeating: 0, count: count)
    var times: [Double] = []
    for _ in 0..<21 {
      try communicator.barrier()
      let begin = ContinuousClock.now
      try communicator.allreduce(&values, .sum)
      times.append((ContinuousClock.now - begin).inSeconds * 1e6)
    }
    return median(times)
  }
}
