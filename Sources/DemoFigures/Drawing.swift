import Tensors

/// A figure on its way onto a canvas: shapes come in figure coordinates and land in pixels.
struct Drawing: Sendable {
  var canvas: Canvas
  let placement: Placement
  let palette: Palette
  var random: CounterRandom

  /// Fills `path` with one colour.
  mutating func fill(_ path: Path, _ colour: Colour) {
    canvas.fill(placed(path), Paint(colour))
  }

  /// Fills `path` with the body's colours, lit from above.
  mutating func fillBody(_ path: Path) {
    let paint = Paint(
      palette.light, palette.shade, from: placement.pixel(Point(-0.3, -1)),
      to: placement.pixel(Point(0.3, 1)))
    canvas.fill(placed(path), paint)
  }

  /// Fills `path` and its mirror image on the figure's other side with one colour.
  mutating func fillBoth(_ path: Path, _ colour: Colour) {
    fill(path, colour)
    fill(path.mirrored, colour)
  }

  /// Adds a little chance to a coordinate.
  mutating func jitter(_ reach: Double) -> Double {
    random.uniform(-reach, reach)
  }

  /// True in a share of all calls.
  mutating func chance(_ share: Double) -> Bool {
    random.unit() < share
  }

  private func placed(_ path: Path) -> Path {
    Path(contours: path.contours.map { contour in contour.map(placement.pixel) })
  }
}
