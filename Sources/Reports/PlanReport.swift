import Diagnosis
import FileIO
import Foundation
import Training

/// What `plan` prints.
package struct PlanReport: Encodable, Sendable {
  let imagesPerSecond: Double
  let latencyMilliseconds: Double
  let megabitsPerSecond: Double
  let trainImages: Int
  let batchSize: Int
  let gradientBytes: Int
  /// Whether `--exchange auto`, the default, exchanges features.
  let autoIsFeatures: Bool
  let rows: [CostModel.Row]

  /// The plan for up to `most` hosts.
  package init(_ model: CostModel, upTo most: Int) {
    imagesPerSecond = model.rate
    latencyMilliseconds = 1000 * model.latency
    megabitsPerSecond = 8e-6 * model.bandwidth
    trainImages = model.work.train
    batchSize = model.work.batch
    gradientBytes = 8 * model.work.parameters
    autoIsFeatures =
      Exchange.auto.resolved(
        globalBatch: batchSize, features: model.work.features, parameters: model.work.parameters)
      == .features
    rows = model.plan(upTo: most)
  }

  /// The result as one JSON object.
  package var json: String { jsonLine(self) }

  /// The result for a person, in lines of at most 79 columns.
  package var text: String {
    var lines =
      CheckReport.wrapped(
        String(
          format: "An epoch of %d images in steps of %d, %.1f images/s on a host, %.2f ms a "
            + "message, %.0f Mbit/s, %.1f MB of gradients:", trainImages, batchSize,
          imagesPerSecond, latencyMilliseconds, megabitsPerSecond, Double(gradientBytes) / 1e6),
        indent: 0)
    lines += [
      "",
      Self.line(
        ["hosts", "gradients", "features", "faster", "speed-up", "efficiency", "limit", "cached"]),
    ]
    lines += rows.map { row in
      Self.line([
        "\(row.hosts)", duration(row.gradients), duration(row.features),
        row.hosts == 1 ? "-" : row.prefersFeatures ? "features" : "gradients",
        String(format: "%.2f", row.speedUp), String(format: "%.0f %%", 100 * row.efficiency),
        row.isExchange ? "network" : "images", duration(row.cached),
      ])
    }
    lines += [""]
    lines += CheckReport.wrapped(advice, indent: 0)
    return lines.joined(separator: "\n")
  }

  /// Cells in their columns, 79 in all.
  private static func line(_ cells: [String]) -> String {
    let widths = [6, 11, 11, 11, 10, 12, 9, 9]
    return zip(cells, widths).map { $0.filledLeft(to: $1) }.joined()
  }

  /// The most hosts of which each still does most of its work.
  private var advice: String {
    guard let best = rows.last(where: { $0.efficiency >= 0.7 }), best.hosts > 1 else {
      return "More hosts than one gain little: less than 70 % of each would be of use."
    }
    let (automatic, other) =
      autoIsFeatures
      ? (best.features, best.gradients) : (best.gradients, best.features)
    let how =
      other < 0.95 * automatic
      ? " with --exchange \(autoIsFeatures ? "gradients" : "features")" : ""
    return best.hosts == rows.last?.hosts
      ? "All \(best.hosts) hosts are of use\(how)."
      : "Up to \(best.hosts) hosts\(how) at least 70 % of each are of use; beyond, a larger "
        + "--batch-size exchanges less often."
  }
}

/// Seconds as a person reads them.
func duration(_ seconds: Double) -> String {
  switch seconds {
  case 0: "0 s"
  case ..<0.1: String(format: "%.1f ms", seconds * 1000)
  case ..<100: String(format: "%.1f s", seconds)
  case ..<6000: String(format: "%.0f min", seconds / 60)
  default: String(format: "%.1f h", seconds / 3600)
  }
}
