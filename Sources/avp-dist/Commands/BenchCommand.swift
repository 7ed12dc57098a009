import Collectives
import DemoFigures
import Foundation
import ImageCodecs
import ImageTransforms
import Kernels
import Reports
import ResNet
import Synchronization
import Tensors
import Training

extension Command {
  static let bench = Command(
    name: "bench",
    summary: "measure the backbone, decoding, and under mpirun the exchange",
    discussion: """
      Measures how many pictures a second this machine does and where the time goes. Pin it to a core
      with `taskset -c 0` to compare engines; run it under mpirun to measure the allreduce too.
      """,
    options: backboneOptions + [
      Option("--seconds", "S", "how long the backbone is measured (5)"),
      Option("--json", nil, "the result as one JSON object"),
    ],
    run: { arguments in try withRanks(stallTimeout: .seconds(300)) { try bench(arguments, $0) } })

  private static func bench(_ arguments: Arguments, _ communicator: any Communicator) throws {
    let seconds = try arguments.double("--seconds", in: 0.1...3600) ?? 5
    let choice = try BackboneChoice(arguments.string("--weights") ?? "random")
    let loaded = try LoadedBackbone(
      choice, arguments, featureLayer: try arguments.choice("--feature-layer"))
    let options = try RunOptions(arguments, communicator: communicator)
    let layers = try layerTimes(loaded.backbone)
    var result = BenchResult(
      backbone: loaded.summary, kernels: loaded.backbone.kernels.rawValue,
      threads: options.threads, ranks: communicator.worldSize,
      fmaPeakGflops: (loaded.backbone.kernels.measureFMAPeak() ?? 0) / 1e9,
      layers: layers, picturePreparationMilliseconds: try preparation())
    try communicator.barrier()
    result.backboneImagesPerSecond = try throughput(
      loaded.backbone, threads: options.threads, seconds: seconds)
    var rate = [result.backboneImagesPerSecond]
    try communicator.allreduce(&rate, .sum)
    result.backboneImagesPerSecondAllRanks = rate[0]
    if communicator.worldSize > 1 {
      (result.allreduceLatencyMicroseconds, _) = try allreduce(1, communicator)
      let count = 262_534
      let (time, _) = try allreduce(count, communicator)
      result.allreduceGradientMilliseconds = time / 1000
      result.allreduceMegabytesPerSecond = Double(8 * count) / time
    }
    guard communicator.rank == 0 else { return }
    print(arguments.has("--json") ? result.json : result.text)
  }

  /// A picture of noise, as the backbone takes it.
  private static func input(_ size: Int, _ index: Int) -> [Float] {
    var random = CounterRandom(seed: 1, purpose: .randomBackbone, index: index)
    return (0..<size * size * 3).map { _ in Float(random.uniform(-2, 2)) }
  }

  /// Pictures a second of `threads` threads, each with groups of pictures of its own.
  private static func throughput(
    _ backbone: Backbone, threads: Int, seconds: Double
  ) throws -> Double {
    let group = (0..<backbone.preferredPictures).map { input(backbone.inputSize, $0) }
    let done = Atomic<Int>(0)
    let failure = Mutex<(any Error)?>(nil)
    let begin = ContinuousClock.now
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      do {
        let workspace = try backbone.makeWorkspace()
        repeat {
          _ = try backbone.features(of: group, workspace: workspace)
          done.add(group.count, ordering: .relaxed)
        } while (ContinuousClock.now - begin).inSeconds < seconds
      } catch {
        failure.withLock { $0 = error }
      }
    }
    let elapsed = (ContinuousClock.now - begin).inSeconds
    if let error = failure.withLock({ $0 }) { throw error }
    return Double(done.load(ordering: .relaxed)) / elapsed
  }

  /// Time and operations of each class of layers for one picture, on one thread.
  private static func layerTimes(_ backbone: Backbone) throws -> [BenchResult.Layer] {
    let workspace = try backbone.makeWorkspace()
    let group = (0..<backbone.preferredPictures).map { input(backbone.inputSize, $0) }
    _ = try backbone.features(of: group, workspace: workspace)
    let rounds = 3
    workspace.startTiming()
    for _ in 0..<rounds { _ = try backbone.features(of: group, workspace: workspace) }
    let times = workspace.stopTiming()
    let pictures = Double(rounds * group.count)
    return LayerClass.allCases.compactMap { layer in
      times[layer].map {
        BenchResult.Layer(
          name: layer.rawValue, milliseconds: $0.seconds * 1000 / pictures,
          gflops: $0.seconds > 0 ? $0.operations / $0.seconds / 1e9 : 0)
      }
    }
  }

  /// Milliseconds to decode, resize, augment and normalise one picture.
  private static func preparation() throws -> Double {
    let bytes = try encodeJPEG(drawFigure(kind: .alien, seed: 0, index: 0), quality: 90)
    let transform = PictureTransform(preset: .pytorch, normalisation: .torch)
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

  /// Median microseconds of an allreduce of `count` 64-bit integers.
  private static func allreduce(
    _ count: Int, _ communicator: any Communicator
  ) throws -> (median: Double, rounds: Int) {
    var values = [Int64](repeating: 1, count: count)
    var times: [Double] = []
    for _ in 0..<21 {
      try communicator.barrier()
      let begin = ContinuousClock.now
      try communicator.allreduce(&values, .maximum)
      times.append((ContinuousClock.now - begin).inSeconds * 1e6)
    }
    return (times.sorted()[10], times.count)
  }
}

extension Duration {
  /// The duration as a number of seconds.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
