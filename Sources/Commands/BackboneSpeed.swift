import Diagnosis
import Foundation
import Head
import ResNet
import Synchronization
import Tensors
import Training

/// How fast a backbone and a head are, on images of noise.
struct BackboneSpeed {
  /// Images a second of all threads.
  let imagesPerSecond: Double
  /// The deviation of the time of a group of images, by its median; 0 of too few groups. Of a normal
  /// distribution it is the standard deviation; a few groups that something disturbed do not show.
  let deviation: Double

  /// Measures `threads` threads for `seconds`, each with groups of images of its own.
  init(_ backbone: any Backbone, threads: Int, seconds: Double) throws {
    let group = Self.inputs(backbone)
    let tally = Tally()
    let ended = DispatchGroup()
    let begin = ContinuousClock.now
    // Threads as the pipeline has them: a queue's may be fewer than were asked for.
    for _ in 0..<threads {
      ended.enter()
      do throws(ThreadRefused) {
        try startThread(stackBytes: 8 << 20) {
          defer { ended.leave() }
          tally.record {
            try Self.times(of: backbone.makeWorker(), on: group, seconds, since: begin)
          }
        }
      } catch {
        ended.leave()
        throw error
      }
    }
    ended.wait()
    let elapsed = (ContinuousClock.now - begin).inSeconds
    if let error = tally.failure.withLock({ $0 }) { throw error }
    let times = tally.times.withLock { $0 }
    imagesPerSecond = Double(times.joined().count * group.count) / elapsed
    // The first group of a thread also brings its buffers into memory.
    deviation = Self.deviation(times.flatMap { $0.dropFirst() })
  }

  /// Seconds of each group that a worker takes until `seconds` have passed.
  private static func times(
    of worker: BackboneWorker, on group: [BackboneInput], _ seconds: Double,
    since begin: ContinuousClock.Instant
  ) throws -> [Double] {
    var times: [Double] = []
    repeat {
      let start = ContinuousClock.now
      _ = try worker(group)
      times.append((ContinuousClock.now - start).inSeconds)
    } while (ContinuousClock.now - begin).inSeconds < seconds
    return times
  }

  /// What the threads of a measurement have done.
  private final class Tally: Sendable {
    let times = Mutex<[[Double]]>([])
    let failure = Mutex<(any Error)?>(nil)

    func record(_ measure: () throws -> [Double]) {
      do {
        let found = try measure()
        times.withLock { $0.append(found) }
      } catch {
        failure.withLock { $0 = error }
      }
    }
  }

  private static func deviation(_ times: [Double]) -> Double {
    guard times.count >= 4, let middle = median(times) else { return 0 }
    return 1.4826 * (median(times.map { abs($0 - middle) }) ?? 0) / middle
  }

  /// As many numbers from 0 to 1 as an image has.
  private static func noise(_ size: Int, _ index: Int) -> [Double] {
    var random = CounterRandom(seed: 1, purpose: .randomBackbone, index: index)
    return (0..<size * size * 3).map { _ in random.uniform(0, 1) }
  }

  /// A group of images of noise, as the backbone takes them.
  static func inputs(_ backbone: any Backbone) -> [BackboneInput] {
    (0..<ImageGroups.most).map { index in
      let noise = noise(backbone.inputSize, index)
      return switch backbone.precision {
      case .f32: .numbers(noise.map { Float($0 * 4 - 2) })
      case .int8: .bytes(noise.map { UInt8($0 * 255) })
      }
    }
  }

  /// The scales of int8: those of the file, or chosen on noise; nil for floats.
  static func calibration(
    _ backbone: BackboneSettings, size: Int, for loaded: LoadedWeights
  ) throws -> Calibration? {
    guard backbone.precision == .int8 else { return nil }
    if let file = backbone.calibration { return try Calibration(file: file, for: loaded) }
    return try CalibrationSource.calibrate(
      loaded, featureLayer: backbone.featureLayer,
      images: (0..<8).map { noise(size, $0).map { UInt8($0 * 255) } }, size: size,
      cache: backbone.machine.cache)
  }

  /// Median seconds that one image's gradient takes in a head: forward, backward, conversion to
  /// 64-bit integers and addition, for a global batch of `batch` images.
  static func headGradient(_ shape: HeadShape, batch: Int) -> Double {
    let head = initialHead(shape: shape, initialisation: .pytorch, seed: 0)
    var samples = LabelledFeatures()
    for index in 0..<batch {
      var random = CounterRandom(seed: 1, purpose: .augmentation, index: index)
      samples.append(
        (0..<shape.features).map { _ in Float(random.uniform(0, 2)) }, label: index % 2,
        index: index)
    }
    var sum = ExactGradient(shape: shape, globalBatch: batch)
    let times = (0..<11).map { _ in
      let begin = ContinuousClock.now
      sum.add(samples, at: head)
      return (ContinuousClock.now - begin).inSeconds / Double(batch)
    }
    return median(times) ?? 0
  }
}
