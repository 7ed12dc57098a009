import Tensors

/// Red, green and blue, 0 for none and 1 for full.
typealias Colour = SIMD3<Float>

/// The colour of an area: one colour, or a gradual change from one to another along a direction.
struct Paint: Sendable {
  private let start: Colour
  private let change: Colour
  /// Scaled so that the share of `change` is the dot product with the position, plus `offset`.
  private let direction: SIMD2<Float>
  private let offset: Float

  /// One colour everywhere.
  init(_ colour: Colour) {
    start = colour
    change = .zero
    direction = .zero
    offset = 0
  }

  /// `first` at the pixel position `from`, `second` at `to`, blended between them.
  init(_ first: Colour, _ second: Colour, from: Point, to: Point) {
    let line = to - from
    let scale = 1 / max(line.length * line.length, 1e-9)
    start = first
    change = second - first
    direction = SIMD2(Float(line.x * scale), Float(line.y * scale))
    offset = -Float((from.x * line.x + from.y * line.y) * scale)
  }

  /// The colour at a pixel.
  func colour(_ x: Int, _ y: Int) -> Colour {
    let share = direction.x * Float(x) + direction.y * Float(y) + offset
    return start + change * min(max(share, 0), 1)
  }
}

/// An image that is being drawn, in floating point so that layers blend without rounding.
struct Canvas: Sendable {
  let width: Int
  let height: Int
  /// `height * width` colours, row by row from the top.
  var colours: [Colour]

  /// A black image.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    colours = Array(repeating: .zero, count: width * height)
  }

  /// Blends `paint` over the pixels that `path` (in pixels) covers, with smooth edges.
  mutating func fill(_ path: Path, _ paint: Paint, opacity: Float = 1) {
    let crossings = Crossings(of: path, height: height)
    // One more than the pixels: a stretch may end exactly at the right edge.
    var coverage = [Float](repeating: 0, count: width + 1)
    for row in crossings.rows {
      var touched = (from: width, to: 0)
      crossings.forEachStretch(row: row) { from, to in
        let left = min(max(from, 0), Double(width))
        let right = min(max(to, 0), Double(width))
        guard left < right else { return }
        Self.cover(&coverage, left, right)
        touched = (min(touched.from, Int(left)), max(touched.to, min(Int(right) + 1, width)))
      }
      guard touched.from < touched.to else { continue }
      blend(&coverage, touched.from..<touched.to, row: row, paint, opacity)
    }
  }

  /// The finished image: colours clamped and rounded to 8 bits.
  func image() -> RGBImage {
    var pixels = [UInt8]()
    pixels.reserveCapacity(colours.count * 3)
    for colour in colours {
      let level = colour.clamped(lowerBound: .zero, upperBound: .one) * 255 + 0.5
      pixels.append(UInt8(level.x))
      pixels.append(UInt8(level.y))
      pixels.append(UInt8(level.z))
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// Adds what one line contributes between two points: whole pixels, and the shares of the ends.
  private static func cover(_ coverage: inout [Float], _ left: Double, _ right: Double) {
    let weight = 1 / Float(Crossings.linesPerRow)
    let (first, last) = (Int(left), Int(right))
    guard first < last else {
      coverage[first] += Float(right - left) * weight
      return
    }
    coverage[first] += Float(Double(first + 1) - left) * weight
    for pixel in first + 1..<last { coverage[pixel] += weight }
    coverage[last] += Float(right - Double(last)) * weight
  }

  /// Blends one row and clears its coverage for the next.
  private mutating func blend(
    _ coverage: inout [Float], _ columns: Range<Int>, row: Int, _ paint: Paint, _ opacity: Float
  ) {
    for x in columns {
      let share = coverage[x] * opacity
      coverage[x] = 0
      guard share > 0 else { continue }
      let pixel = row * width + x
      colours[pixel] += (paint.colour(x, row) - colours[pixel]) * min(share, 1)
    }
    coverage[width] = 0
  }
}
