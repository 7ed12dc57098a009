import FileIO
import Foundation
import ResNet

/// What `bench` measured on one rank.
package struct BenchResult: Encodable, Sendable {
  /// One class of layers.
  package struct Layer: Encodable, Sendable {
    /// The class.
    package let name: String
    /// Milliseconds an image on one thread.
    package let milliseconds: Double
    /// Floating-point operations really done, in 10^9 a second; 0 where there are none to count.
    package let gflops: Double
    /// `gflops` by the measured peak of one core; nil where one of them is not known.
    package let shareOfPeak: Double?

    /// A class with its figures; `peak` is in 10^9 operations a second, 0 where it is not known.
    package init(name: String, milliseconds: Double, gflops: Double, peak: Double) {
      self.name = name
      self.milliseconds = milliseconds
      self.gflops = gflops
      shareOfPeak = gflops > 0 && peak > 0 ? gflops / peak : nil
    }
  }

  /// What summing gradients exactly costs a rank, in milliseconds.
  package struct ExactSum: Encodable, Sendable {
    let gradientMilliseconds: Double
    let allreduceMilliseconds: Double
    let floatAllreduceMilliseconds: Double
    let stepMilliseconds: Double
    let percentOfStep: Double

    /// Puts the figures together.
    ///
    /// - Parameters:
    ///   - gradientMilliseconds: the head's gradient of one image, all of it; the conversion to
    ///     integers is a part of that which cannot be taken out, so the share is an upper bound.
    ///   - allreduceMilliseconds: the exchange of the gradient as 64-bit integers.
    ///   - floatAllreduceMilliseconds: the exchange of the same gradient as 32-bit numbers.
    ///   - stepMilliseconds: the backbone's time for the global batch, on all ranks.
    ///   - imagesOfRank: the rank's part of the global batch.
    package init(
      gradientMilliseconds: Double, allreduceMilliseconds: Double,
      floatAllreduceMilliseconds: Double, stepMilliseconds: Double, imagesOfRank: Double
    ) {
      self.gradientMilliseconds = gradientMilliseconds
      self.allreduceMilliseconds = allreduceMilliseconds
      self.floatAllreduceMilliseconds = floatAllreduceMilliseconds
      self.stepMilliseconds = stepMilliseconds
      let exchange = allreduceMilliseconds - floatAllreduceMilliseconds
      percentOfStep =
        100 * (imagesOfRank * gradientMilliseconds + exchange) / stepMilliseconds
    }
  }

  let backbone: String
  let precision: Precision
  let kernels: String
  let threads: Int
  let ranks: Int
  /// Of f32 the multiply-add peak of one core; of int8 those of products of bytes and of 16-bit
  /// words, in 10^9 operations a second, two a multiply-add.
  let fmaPeakGflops: Double?
  let bytePeakGops: Double?
  let wordPeakGops: Double?
  let layers: [Layer]
  let picturePreparationMilliseconds: Double
  /// Images a second of this rank.
  package var backboneImagesPerSecond = 0.0
  /// Images a second of all ranks together.
  package var backboneImagesPerSecondAllRanks = 0.0
  /// The median time of an allreduce of one number.
  package var allreduceLatencyMicroseconds: Double?
  /// The median time of an allreduce of the gradient of a head with 2,048 features.
  package var allreduceGradientMilliseconds: Double?
  /// The gradient's bytes by that time.
  package var allreduceMegabytesPerSecond: Double?
  /// What the exact sum costs.
  package var exactSum: ExactSum?

  /// A result without the figures that are variables.
  package init(
    backbone: String, precision: Precision, kernels: String, threads: Int, ranks: Int,
    peaks: PeakRates, layers: [Layer], picturePreparationMilliseconds: Double
  ) {
    self.backbone = backbone
    self.precision = precision
    self.kernels = kernels
    self.threads = threads
    self.ranks = ranks
    let (products, tiles) = (peaks.products / 1e9, peaks.tiles / 1e9)
    fmaPeakGflops = precision == .f32 ? products : nil
    bytePeakGops = precision == .int8 ? products : nil
    wordPeakGops = precision == .int8 ? tiles : nil
    self.layers = layers
    self.picturePreparationMilliseconds = picturePreparationMilliseconds
  }

  private var peakText: String {
    if let bytePeakGops, let wordPeakGops {
      return String(
        format: "peaks      %.1f Gop/s of one core with bytes, %.1f with words of 16 bits",
        bytePeakGops, wordPeakGops)
    }
    return String(format: "FMA peak   %.1f GFLOP/s of one core", fmaPeakGflops ?? 0)
  }

  /// The result as one JSON object.
  package var json: String { jsonLine(self) }

  /// The result for a person.
  package var text: String {
    var lines = [
      "backbone   \(backbone)",
      String(
        format: "speed      %.1f images/s on %d %@", backboneImagesPerSecond, threads,
        threads == 1 ? "thread" : "threads"),
      peakText,
      String(
        format: "images     %.2f ms to decode and augment one", picturePreparationMilliseconds),
      "",
      "layers        ms/image  " + (precision == .f32 ? " GFLOP/s" : "   Gop/s") + "   of the peak",
    ]
    lines += layers.map { layer in
      let share = layer.shareOfPeak.map { String(format: "%.0f %%", 100 * $0) } ?? "-"
      return layer.name.filled(to: 12)
        + String(format: "%.2f", layer.milliseconds).filledLeft(to: 12)
        + (layer.gflops > 0 ? String(format: "%.1f", layer.gflops) : "-").filledLeft(to: 10)
        + share.filledLeft(to: 14)
    }
    if let latency = allreduceLatencyMicroseconds, let gradient = allreduceGradientMilliseconds,
      let bandwidth = allreduceMegabytesPerSecond
    {
      lines += [
        "",
        String(
          format: "allreduce  %.0f µs for one number, %.2f ms for a gradient (%.0f MB/s), %d ranks",
          latency, gradient, bandwidth, ranks),
        String(format: "all ranks  %.1f images/s", backboneImagesPerSecondAllRanks),
      ]
    }
    if let exact = exactSum {
      lines.append(
        String(
          format:
            "exact sum  %.3f ms an image, allreduce %.2f ms (as 32-bit numbers %.2f ms): at most "
            + "%.2f %% of a step of %.0f ms",
          exact.gradientMilliseconds, exact.allreduceMilliseconds,
          exact.floatAllreduceMilliseconds, exact.percentOfStep, exact.stepMilliseconds))
    }
    return lines.joined(separator: "\n")
  }
}
