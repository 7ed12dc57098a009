import Foundation
import Head

/// A small chart of values by epoch, as SVG.
struct LineChart {
  /// A line with its name and the CSS variable of its colour.
  struct Series {
    let name: String
    let colour: String
    let values: [Double]
  }

  let title: String
  /// The number of each epoch that the values belong to.
  let epochs: [Int]
  let series: [Series]
  /// The bottom of the vertical axis; nil lets the values decide.
  var lowest: Double?
  /// The top of it.
  var highest: Double?

  private static let width = 560.0
  private static let height = 250.0
  /// Left, right, top and bottom of the plot.
  private static let plot = (left: 48.0, right: width - 12, top: 12.0, bottom: height - 30)

  /// The chart with its legend.
  var html: String {
    let finite = series.flatMap(\.values).filter(Self.canBeDrawn)
    guard let least = finite.min(), let most = finite.max() else { return "" }
    let axis = Axis(lowest ?? least, highest ?? most)
    let legend = series.map {
      "<span><i style=\"background:var(\($0.colour))\"></i>\(HTMLPage.escaped($0.name))</span>"
    }
    return """
      <figure class="chart"><figcaption>\(HTMLPage.escaped(title)) \
      <span class="legend">\(legend.joined())</span></figcaption>
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img">
      \((axis.ticks.map { tick(axis, $0) } + epochMarks + series.map { line($0, axis) })
        .joined(separator: "\n"))
      </svg></figure>
      """
  }

  /// Numbers of a file from elsewhere can be anything.
  private static func canBeDrawn(_ value: Double) -> Bool { abs(value) < 1e100 }

  private func x(_ index: Int) -> Double {
    let share = epochs.count > 1 ? Double(index) / Double(epochs.count - 1) : 0.5
    return Self.plot.left + share * (Self.plot.right - Self.plot.left)
  }

  private func y(_ value: Double, _ axis: Axis) -> Double {
    Self.plot.bottom
      - (value - axis.bottom) / (axis.top - axis.bottom) * (Self.plot.bottom - Self.plot.top)
  }

  private func tick(_ axis: Axis, _ value: Double) -> String {
    let y = number(y(value, axis))
    return """
      <line class="grid" x1="\(number(Self.plot.left))" x2="\(number(Self.plot.right))" y1="\(y)" \
      y2="\(y)"/><text x="\(number(Self.plot.left - 6))" y="\(y)" dy="4" text-anchor="end">\
      \(axis.label(value))</text>
      """
  }

  /// Numbers of about ten epochs under the plot.
  private var epochMarks: [String] {
    let step = max(1, (epochs.count + 9) / 10)
    return stride(from: 0, to: epochs.count, by: step).map { index in
      """
      <text x="\(number(x(index)))" y="\(number(Self.plot.bottom + 18))" text-anchor="middle">\
      \(epochs[index])</text>
      """
    }
  }

  private func line(_ series: Series, _ axis: Axis) -> String {
    let marks = zip(epochs, series.values).enumerated().filter { Self.canBeDrawn($0.element.1) }
      .map {
        (
          x: number(x($0.offset)), y: number(y($0.element.1, axis)), epoch: $0.element.0,
          $0.element.1
        )
      }
    let points = marks.map { "\($0.x),\($0.y)" }.joined(separator: " ")
    let dots = marks.map { mark in
      """
      <circle cx="\(mark.x)" cy="\(mark.y)" r="3"><title>epoch \(mark.epoch): \
      \(String(format: "%.4f", mark.3))</title></circle>
      """
    }
    return """
      <g style="color:var(\(series.colour))"><polyline points="\(points)"/>
      \(dots.joined(separator: "\n"))</g>
      """
  }

  private func number(_ value: Double) -> String { String(format: "%.1f", value) }

  static let style = """
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr));
      gap: 1.1rem; }
    .chart svg { width: 100%; height: auto; }
    .chart text { fill: var(--soft); font-size: 12px; }
    .chart .grid { stroke: var(--line); }
    .chart polyline { fill: none; stroke: currentColor; stroke-width: 2; }
    .chart circle { fill: currentColor; }
    .legend { float: right; }
    .legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px;
      margin: 0 .35rem 0 .9rem; vertical-align: -1px; }
    """
}

/// A vertical axis whose ticks are round numbers.
struct Axis: Equatable {
  let bottom: Double
  let top: Double
  let step: Double

  /// An axis that holds `least` and `most`, with three to seven ticks.
  init(_ least: Double, _ most: Double) {
    // A difference that is nothing beside the values, or beside zero, gives no ticks.
    let range =
      most > least
      ? max(most - least, 1e-9 * max(abs(most), abs(least)), 1e-12)
      : max(abs(most), 1e-3)
    let power = pow(10, (log10(range / 4)).rounded(.down))
    let factor = [1, 2, 5].first { range / ($0 * power) <= 5 } ?? 10
    step = factor * power
    bottom = (least / step).rounded(.down) * step
    let ceiling = (most / step).rounded(.up) * step
    top = ceiling > bottom ? ceiling : bottom + step
  }

  var ticks: [Double] {
    (0...Int(((top - bottom) / step).rounded())).map { bottom + Double($0) * step }
  }

  /// A tick's number with as many digits as the step needs.
  func label(_ value: Double) -> String {
    let digits = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
    return String(format: "%.\(digits)f", value)
  }
}
