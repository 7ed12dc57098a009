import Foundation
import Training

/// The table that a person reads while a run goes on, a line an epoch, at most 79 columns wide.
///
/// Fields are separated by spaces and none holds one. On a narrow terminal the columns that tell
/// least are left out.
struct EpochTable {
  /// The widest that the table becomes.
  static let width = 79
  /// After so many lines the header is repeated on a terminal, where it has left the screen.
  private static let linesAHeader = 20

  private struct Column {
    let title: String
    let width: Int
    /// The lowest stays longest.
    let importance: Int
    let text: String
  }

  private var header = ""
  private var lines = 0

  /// The line of an epoch, behind the header where that is due, each with its line break.
  ///
  /// - Parameters:
  ///   - epochs: epochs of the whole run.
  ///   - seconds: time of the epoch.
  ///   - rate: images a second.
  ///   - width: columns that a line may have.
  ///   - repeatsHeader: whether the header comes again after some lines.
  mutating func text(
    _ metrics: EpochMetrics, of epochs: Int, seconds: Double, rate: Double, isBest: Bool,
    width: Int = EpochTable.width, repeatsHeader: Bool = false
  ) -> String {
    let all = Self.columns(metrics, epochs, seconds, rate)
    let columns = Self.fitting(all, width: width)
    var header = columns.map { $0.title.filledLeft(to: $0.width) }.joined(separator: "  ")
    if header.count + "  * best".count <= min(width, Self.width) { header += "  * best" }
    let line =
      columns.map { $0.text.filledLeft(to: $0.width) }.joined(separator: "  ")
      + (isBest ? " *" : "")
    let isDue = header != self.header || repeatsHeader && lines.isMultiple(of: Self.linesAHeader)
    if isDue { (self.header, lines) = (header, 0) }
    lines += 1
    return (isDue ? header + "\n" : "") + line + "\n"
  }

  private static func columns(
    _ metrics: EpochMetrics, _ epochs: Int, _ seconds: Double, _ rate: Double
  ) -> [Column] {
    let digits = max("\(epochs)".count, "\(metrics.epoch)".count)
    return [
      Column(
        title: "epoch", width: max(5, 2 * digits + 1), importance: 0,
        text: "\(metrics.epoch)/\(epochs)"),
      Column(title: "train loss", width: 10, importance: 3, text: loss(metrics.trainLoss)),
      Column(title: "accuracy", width: 8, importance: 4, text: share(metrics.trainAccuracy)),
      Column(title: "val loss", width: 8, importance: 2, text: loss(metrics.validationLoss)),
      Column(title: "accuracy", width: 8, importance: 1, text: share(metrics.validationAccuracy)),
      Column(title: "seconds", width: 8, importance: 6, text: measure(seconds)),
      Column(title: "images/s", width: 8, importance: 5, text: measure(rate)),
    ]
  }

  /// The most telling columns that have room, with the mark behind them.
  private static func fitting(_ columns: [Column], width: Int) -> [Column] {
    var shown = columns
    while shown.count > 1, shown.reduce(0, { $0 + $1.width + 2 }) > width,
      let least = shown.indices.max(by: { shown[$0].importance < shown[$1].importance })
    {
      shown.remove(at: least)
    }
    return shown
  }

  /// Eight characters at most: four decimals, or one and an exponent.
  static func loss(_ value: Double) -> String {
    let isPlain = value == 0 || (0.001..<999.9).contains(value)
    return String(format: isPlain ? "%.4f" : "%.1e", value)
  }

  private static func share(_ value: Double) -> String { String(format: "%.3f", value) }

  /// Eight characters at most: one decimal, none, or an exponent.
  static func measure(_ value: Double) -> String {
    let format = value < 99_999 ? "%.1f" : value < 99_999_999 ? "%.0f" : "%.1e"
    return String(format: format, value)
  }
}
