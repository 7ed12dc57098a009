/// Where the edges of a path cross the horizontal lines that ``Canvas`` traces.
///
/// Several lines run through each row of pixels; along a line the covered stretches are exact.
struct Crossings: Sendable {
  /// Lines through each row of pixels.
  static let linesPerRow = 4

  /// The rows that the path touches, within the image.
  let rows: Range<Int>

  /// All crossings, those of one line together and from left to right.
  private var crossings: [Crossing]
  /// Where each line's crossings start in `crossings`, and the end of the last one.
  private var starts: [Int]

  private struct Crossing {
    let x: Double
    /// +1 where the edge goes down, -1 where it goes up.
    let turn: Int
  }

  /// Finds the crossings of `path` (in pixels) within an image of `height` rows.
  init(of path: Path, height: Int) {
    let ys = path.contours.joined().lazy.map(\.y)
    let top = max(0, min(ys.min() ?? 0, Double(height)))
    let bottom = min(Double(height), max(ys.max() ?? 0, top))
    rows = Int(top)..<Int(bottom.rounded(.up))
    let first = rows.lowerBound * Self.linesPerRow
    let lineCount = rows.count * Self.linesPerRow

    var counts = [Int](repeating: 0, count: lineCount + 1)
    Self.forEachCrossing(path, first, lineCount) { line, _ in counts[line + 1] += 1 }
    for line in 0..<lineCount { counts[line + 1] += counts[line] }
    starts = counts

    var next = counts
    crossings = Array(repeating: Crossing(x: 0, turn: 0), count: counts[lineCount])
    var found = crossings
    Self.forEachCrossing(path, first, lineCount) { line, crossing in
      // Insertion sort: a line has few crossings.
      var index = next[line]
      next[line] += 1
      while index > counts[line], found[index - 1].x > crossing.x {
        found[index] = found[index - 1]
        index -= 1
      }
      found[index] = crossing
    }
    crossings = found
  }

  /// Calls `body` with the ends of every covered stretch on the lines of one row.
  func forEachStretch(row: Int, _ body: (Double, Double) -> Void) {
    let firstLine = (row - rows.lowerBound) * Self.linesPerRow
    for line in firstLine..<firstLine + Self.linesPerRow {
      var winding = 0
      var start = 0.0
      for crossing in crossings[starts[line]..<starts[line + 1]] {
        if winding == 0 { start = crossing.x }
        winding += crossing.turn
        if winding == 0 { body(start, crossing.x) }
      }
    }
  }

  /// Calls `body` for every edge on every line it crosses; a line belongs to an edge's upper end.
  private static func forEachCrossing(
    _ path: Path, _ firstLine: Int, _ lineCount: Int, _ body: (Int, Crossing) -> Void
  ) {
    let density = Double(linesPerRow)
    for contour in path.contours {
      guard var previous = contour.last else { continue }
      for corner in contour {
        let (from, to) = (previous, corner)
        previous = corner
        guard from.y != to.y else { continue }
        let (upper, lower) = from.y < to.y ? (from, to) : (to, from)
        // Line n lies at y = (n + 0.5) / density.
        let begin = max((upper.y * density - 0.5).rounded(.up), Double(firstLine))
        let end = min((lower.y * density - 0.5).rounded(.up), Double(firstLine + lineCount))
        guard begin < end else { continue }
        let slope = (lower.x - upper.x) / (lower.y - upper.y)
        for line in Int(begin)..<Int(end) {
          let y = (Double(line) + 0.5) / density
          let x = upper.x + (y - upper.y) * slope
          body(line - firstLine, Crossing(x: x, turn: from.y < to.y ? 1 : -1))
        }
      }
    }
  }
}
