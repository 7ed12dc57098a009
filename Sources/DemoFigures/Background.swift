import Tensors

/// What stands behind a figure.
enum Background: CaseIterable {
  case flat
  case gradient
  case spotlight
  case clouds
  case blotches

  /// Paints one of the backgrounds over the whole canvas and returns its main colour.
  static func paint(_ canvas: inout Canvas, _ random: inout CounterRandom) -> Colour {
    let main = Colour.hsv(random.unit(), random.uniform(0, 0.7), random.uniform(0.1, 0.95))
    let strength = Float(random.uniform(0.15, 0.45))
    let tint = Colour.hsv(random.unit(), random.uniform(0, 0.8), random.uniform(0, 1))
    let other = main.mixed(with: tint, strength)
    canvas.fill(canvas.frame, Paint(main))
    switch allCases[random.below(allCases.count)] {
    case .flat: break
    case .gradient: paintGradient(&canvas, main, other, &random)
    case .spotlight: paintSpotlight(&canvas, other, &random)
    case .clouds: paintClouds(&canvas, main, other, &random)
    case .blotches: paintBlotches(&canvas, main, tint, &random)
    }
    return main.mixed(with: other, 0.5)
  }

  private static func paintGradient(
    _ canvas: inout Canvas, _ main: Colour, _ other: Colour, _ random: inout CounterRandom
  ) {
    let reach = Point(angle: random.uniform(0, 2 * .pi), radius: canvas.diagonal / 2)
    let paint = Paint(main, other, from: canvas.center - reach, to: canvas.center + reach)
    canvas.fill(canvas.frame, paint)
  }

  /// Many faint discs about one point.
  private static func paintSpotlight(
    _ canvas: inout Canvas, _ other: Colour, _ random: inout CounterRandom
  ) {
    let middle = canvas.randomPoint(&random)
    let reach = canvas.diagonal * random.uniform(0.3, 0.7)
    for step in 0..<24 {
      let radius = reach * (1 - Double(step) / 24)
      canvas.fill(.disc(middle, radius), Paint(other), opacity: 0.08)
    }
  }

  /// Smooth noise: random levels on two coarse grids, blended between the grid points.
  private static func paintClouds(
    _ canvas: inout Canvas, _ main: Colour, _ other: Colour, _ random: inout CounterRandom
  ) {
    let coarse = NoiseGrid(columns: 3 + random.below(6), rows: 3 + random.below(6), &random)
    let fine = NoiseGrid(columns: 12 + random.below(24), rows: 12 + random.below(24), &random)
    for y in 0..<canvas.height {
      let v = Float(y) / Float(canvas.height)
      for x in 0..<canvas.width {
        let u = Float(x) / Float(canvas.width)
        let level = 0.65 * coarse.level(u, v) + 0.35 * fine.level(u, v)
        canvas.colours[y * canvas.width + x] = main.mixed(with: other, level)
      }
    }
  }

  private static func paintBlotches(
    _ canvas: inout Canvas, _ main: Colour, _ tint: Colour, _ random: inout CounterRandom
  ) {
    for _ in 0..<20 + random.below(60) {
      let size = canvas.diagonal * random.uniform(0.01, 0.12)
      let blotch = Path.ellipse(
        canvas.randomPoint(&random), size, size * random.uniform(0.3, 1),
        angle: random.uniform(0, .pi))
      let colour = main.mixed(with: tint, Float(random.uniform(0.05, 0.35)))
      canvas.fill(blotch, Paint(colour), opacity: 0.7)
    }
  }
}

extension Canvas {
  /// The whole image.
  var frame: Path {
    let (right, bottom) = (Double(width), Double(height))
    return .polygon([Point(0, 0), Point(right, 0), Point(right, bottom), Point(0, bottom)])
  }

  /// The middle of the image, in pixels.
  var center: Point { Point(Double(width) / 2, Double(height) / 2) }

  /// From corner to corner, in pixels.
  var diagonal: Double { Point(Double(width), Double(height)).length }

  /// Any point of the image.
  func randomPoint(_ random: inout CounterRandom) -> Point {
    Point(random.uniform(0, Double(width)), random.uniform(0, Double(height)))
  }

  /// Thin lines and spots that belong to no figure.
  mutating func addClutter(near colour: Colour, _ random: inout CounterRandom) {
    for _ in 0..<random.below(7) {
      let from = randomPoint(&random)
      let reach = Point(
        angle: random.uniform(0, 2 * .pi), radius: diagonal * random.uniform(0, 0.15))
      let line = Path.stroke([from, from + reach], random.uniform(1, 4), random.uniform(1, 4))
      let tint = Colour.hsv(random.unit(), random.unit(), random.unit())
      fill(line, Paint(colour.mixed(with: tint, Float(random.uniform(0.2, 0.6)))))
    }
  }

  /// Adds grain: a triangular distribution about zero for each channel.
  mutating func addNoise(_ random: inout CounterRandom) {
    let strength = Float(random.uniform(0, 0.09))
    let mask: UInt64 = 0x3FF
    for pixel in colours.indices {
      // Six 10-bit numbers from one draw, two for each channel.
      let bits = random.next()
      let first = SIMD3<UInt64>(bits & mask, bits >> 10 & mask, bits >> 20 & mask)
      let second = SIMD3<UInt64>(bits >> 30 & mask, bits >> 40 & mask, bits >> 50 & mask)
      let level = SIMD3<Float>(first &+ second) * (1 / 1023.0) - 1
      colours[pixel] += level * strength
    }
  }
}

/// Random levels on a grid over the unit square, blended between the grid points.
private struct NoiseGrid {
  let columns: Int
  let rows: Int
  let levels: [Float]

  init(columns: Int, rows: Int, _ random: inout CounterRandom) {
    self.columns = columns
    self.rows = rows
    levels = (0..<(columns + 1) * (rows + 1)).map { _ in Float(random.unit()) }
  }

  /// The level at (`u`, `v`), both in 0 ..< 1.
  func level(_ u: Float, _ v: Float) -> Float {
    let (x, y) = (u * Float(columns), v * Float(rows))
    let (left, top) = (Int(x), Int(y))
    let (across, down) = (x - Float(left), y - Float(top))
    let corner = top * (columns + 1) + left
    let upper = levels[corner] + (levels[corner + 1] - levels[corner]) * across
    let below = corner + columns + 1
    let lower = levels[below] + (levels[below + 1] - levels[below]) * across
    return upper + (lower - upper) * down
  }
}
