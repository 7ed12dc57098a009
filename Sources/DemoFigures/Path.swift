import Foundation

/// An area: closed contours, filled wherever their winding number is not zero.
///
/// Overlapping contours of one direction make a union; a contour of the other direction makes a
/// hole.
struct Path: Sendable {
  var contours: [[Point]] = []

  /// The area inside straight edges.
  static func polygon(_ corners: [Point]) -> Path {
    Path(contours: [corners])
  }

  /// An ellipse, turned by `angle` radians.
  static func ellipse(_ center: Point, _ width: Double, _ height: Double, angle: Double = 0) -> Path
  {
    polygon(
      (0..<40).map { step in
        let point = Point(angle: 2 * .pi * Double(step) / 40, radius: 1)
        return center + Point(point.x * width, point.y * height).turned(by: angle)
      })
  }

  /// A disc.
  static func disc(_ center: Point, _ radius: Double) -> Path {
    ellipse(center, radius, radius)
  }

  /// The area between two circles about one centre.
  static func ring(_ center: Point, outer: Double, inner: Double) -> Path {
    let outside = ellipse(center, outer, outer).contours[0]
    let inside = ellipse(center, inner, inner).contours[0]
    return Path(contours: [outside, inside.reversed()])
  }

  /// A line through `points` with round joints, `start` wide (from middle to edge) at its first
  /// point and `end` wide at its last.
  static func stroke(_ points: [Point], _ start: Double, _ end: Double) -> Path {
    let widths = points.indices.map { index in
      start + (end - start) * Double(index) / Double(max(points.count - 1, 1))
    }
    var contours = zip(points, widths).map { joint($0, $1) }
    for next in points.indices.dropFirst() {
      let direction = points[next] - points[next - 1]
      guard direction.length > 0 else { continue }
      // From a to b on the left, back on the right: the same direction as `joint`, so that the
      // parts never cancel each other.
      let side = Point(direction.y, -direction.x) * (1 / direction.length)
      contours.append([
        points[next - 1] + side * widths[next - 1], points[next] + side * widths[next],
        points[next] - side * widths[next], points[next - 1] - side * widths[next - 1],
      ])
    }
    return Path(contours: contours)
  }

  /// A stroke along the quadratic Bézier curve from `points[0]` to `points[2]`.
  static func curve(_ from: Point, _ control: Point, _ to: Point, _ start: Double, _ end: Double)
    -> Path
  {
    stroke(bezier(from, control, to), start, end)
  }

  /// Eleven points on a quadratic Bézier curve.
  static func bezier(_ from: Point, _ control: Point, _ to: Point) -> [Point] {
    (0...10).map { step in
      let t = Double(step) / 10
      return from * ((1 - t) * (1 - t)) + control * (2 * t * (1 - t)) + to * (t * t)
    }
  }

  /// Points on a circle about the origin, from one angle to another.
  static func arc(radius: Double, from start: Double, to end: Double, steps: Int = 24) -> [Point] {
    (0...steps).map { step in
      Point(angle: start + (end - start) * Double(step) / Double(steps), radius: radius)
    }
  }

  /// Both areas.
  func joined(_ other: Path) -> Path {
    Path(contours: contours + other.contours)
  }

  /// The same area moved by `offset`.
  func moved(_ offset: Point) -> Path {
    Path(contours: contours.map { contour in contour.map { $0 + offset } })
  }

  /// The same area reflected left to right about the figure's axis.
  var mirrored: Path {
    Path(contours: contours.map { contour in contour.reversed().map { Point(-$0.x, $0.y) } })
  }

  /// A small disc of twelve corners, enough for the joint of a stroke.
  private static func joint(_ center: Point, _ radius: Double) -> [Point] {
    (0..<12).map { center + Point(angle: 2 * .pi * Double($0) / 12, radius: radius) }
  }
}
