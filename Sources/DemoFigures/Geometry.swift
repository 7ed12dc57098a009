import Foundation

/// A point or a direction in the plane; y grows downwards, as in images.
struct Point: Sendable, Equatable {
  var x: Double
  var y: Double

  init(_ x: Double, _ y: Double) {
    self.x = x
    self.y = y
  }

  /// The point at `angle` (radians, clockwise on the screen) and `radius` around the origin.
  init(angle: Double, radius: Double) {
    self.init(radius * cos(angle), radius * sin(angle))
  }

  /// The distance from the origin.
  var length: Double { (x * x + y * y).squareRoot() }

  /// The point turned by `angle` radians about the origin.
  func turned(by angle: Double) -> Point {
    Point(x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle))
  }

  static func + (left: Point, right: Point) -> Point {
    Point(left.x + right.x, left.y + right.y)
  }

  static func - (left: Point, right: Point) -> Point {
    Point(left.x - right.x, left.y - right.y)
  }

  static func * (left: Point, factor: Double) -> Point {
    Point(left.x * factor, left.y * factor)
  }
}

/// Where a figure stands in its image: an affine map from figure coordinates to pixels.
///
/// A figure is drawn about the origin and reaches about 1 from it.
struct Placement: Sendable {
  /// The images of the unit vectors along x and y.
  let along: Point
  let across: Point
  /// The pixel of the origin.
  let origin: Point

  /// Turns by `angle`, squeezes the figure's width by `squeeze`, mirrors, scales and moves.
  init(origin: Point, scale: Double, angle: Double, squeeze: Double, mirrored: Bool) {
    let width = scale * squeeze * (mirrored ? -1 : 1)
    along = Point(width, 0).turned(by: angle)
    across = Point(0, scale).turned(by: angle)
    self.origin = origin
  }

  /// The pixel position of a point of the figure.
  func pixel(_ point: Point) -> Point {
    origin + along * point.x + across * point.y
  }
}
