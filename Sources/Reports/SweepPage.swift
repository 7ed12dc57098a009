import Foundation

/// A sweep as a self-contained HTML page: which setting matters, and the table.
struct SweepPage {
  private let report: SweepReport

  init(_ report: SweepReport) { self.report = report }

  /// The page.
  var html: String {
    let plots = report.varied.indices.map(plot)
    return HTMLPage.text(
      title: "Sweep",
      facts: "\(report.entries.count) settings, by \(report.monitor.rawValue) on images that their "
        + "heads had not seen",
      body: """
        <div class="plots">\(plots.joined(separator: "\n"))</div>
        <h2>Settings, the best first</h2>
        \(table)
        <h2>The best settings alone</h2>
        <pre>\(HTMLPage.escaped(report.commandLine))</pre>
        """, style: Self.style)
  }

  // MARK: The plots

  private static let width = 560.0
  private static let height = 230.0
  private static let area = (left: 52.0, right: width - 14, top: 12.0, bottom: height - 34)

  /// The accuracy of every setting over the values of one option; a line joins the best of each.
  private func plot(_ column: Int) -> String {
    let finite = report.entries.filter { $0.result.scores != nil }
    var values: [String] = []
    for entry in report.entries.sorted(by: { $0.setting < $1.setting })
    where !values.contains(entry.values[column]) { values.append(entry.values[column]) }
    let accuracies = finite.map(\.result.accuracy)
    guard let least = accuracies.min(), let most = accuracies.max() else { return "" }
    let margin = max(0.005, (most - least) * 0.08)
    let (low, high) = (max(0, least - margin), min(1, most + margin))
    func x(_ value: String) -> Double {
      let place = Double(values.firstIndex(of: value) ?? 0) + 0.5
      return Self.area.left + place / Double(values.count) * (Self.area.right - Self.area.left)
    }
    func y(_ accuracy: Double) -> Double {
      Self.area.bottom - (accuracy - low) / (high - low) * (Self.area.bottom - Self.area.top)
    }
    let dots = finite.map { entry in
      String(
        format: "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>", x(entry.values[column]),
        y(entry.result.accuracy))
    }
    let best = values.compactMap { value in
      finite.filter { $0.values[column] == value }.map(\.result.accuracy).max().map {
        String(format: "%.1f,%.1f", x(value), y($0))
      }
    }
    let ticks = [low, (low + high) / 2, high].map { accuracy in
      String(
        format: "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
          + "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%.3f</text>",
        Self.area.left, Self.area.right, y(accuracy), y(accuracy), Self.area.left - 6,
        y(accuracy) + 4, accuracy)
    }
    let names = values.map { value in
      String(
        format: "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">", x(value),
        Self.area.bottom + 18) + HTMLPage.escaped(value) + "</text>"
    }
    return """
      <figure><figcaption>Accuracy by --\(HTMLPage.escaped(report.varied[column])); the line joins the \
      best of each value</figcaption>
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img">
      \((ticks + names).joined(separator: "\n"))
      <polyline points="\(best.joined(separator: " "))"/>
      \(dots.joined(separator: "\n"))
      </svg></figure>
      """
  }

  private var table: String {
    let names = ["", "accuracy", "95 % interval", "log-loss", "macro F1", "validation"]
    let header = (names + report.varied).map { "<th>\(HTMLPage.escaped($0))</th>" }.joined()
    let rows = report.entries.enumerated().map { index, entry in
      var cells = ["\(index + 1)"]
      if let scores = entry.result.scores {
        let interval = scores.accuracyInterval
        cells += [
          String(format: "%.3f", entry.result.accuracy),
          String(format: "%.3f to %.3f", interval.low, interval.high),
          String(format: "%.4f", scores.logLoss), String(format: "%.3f", scores.macroF1),
        ]
      } else {
        cells += ["numbers left their range", "", "", ""]
      }
      cells.append(entry.validationAccuracy.map { String(format: "%.3f", $0) } ?? "")
      return "<tr>"
        + (cells + entry.values).map { "<td>\(HTMLPage.escaped($0))</td>" }.joined() + "</tr>"
    }
    return
      "<div class=\"scroll\"><table><tr>\(header)</tr>\n\(rows.joined(separator: "\n"))</table></div>"
  }

  private static let style = """
    .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr));
      gap: 1.1rem; }
    svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
    svg text { fill: var(--soft); } svg line { stroke: var(--line); }
    svg circle { fill: var(--accent); fill-opacity: .55; }
    svg polyline { fill: none; stroke: var(--second); stroke-width: 2; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; background: var(--paper); border: 1px solid var(--line); }
    td, th { padding: .3rem .75rem; text-align: right; border-top: 1px solid var(--line);
      font-variant-numeric: tabular-nums; white-space: nowrap; }
    tr:nth-child(2) { font-weight: 600; }
    pre { padding: .75rem; background: var(--paper); border: 1px solid var(--line);
      border-radius: 10px; overflow-x: auto; white-space: pre-wrap; }
    """
}
