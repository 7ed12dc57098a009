import Tensors

/// Draws image number `index` of `kind`: a figure of random colours, size, position and rotation on
/// a random background, with noise.
///
/// The image is a function of the three arguments alone. Its sides are between 160 and 320
/// pixels.
/// - Parameters:
///   - kind: What to draw.
///   - seed: Another seed gives another set of images.
///   - index: The number of the image among those of its kind.
package func drawFigure(kind: FigureKind, seed: UInt64, index: Int) -> RGBImage {
  drawImage(kind: kind, seed: seed, index: index).image
}

/// The image of ``drawFigure(kind:seed:index:)`` and the JPEG quality it is stored with.
func drawImage(kind: FigureKind, seed: UInt64, index: Int) -> (image: RGBImage, quality: Int) {
  var random = CounterRandom(seed: seed, purpose: .demoFigures, epoch: kind.number, index: index)
  let quality = 60 + random.below(36)
  var canvas = Canvas(width: 160 + random.below(161), height: 160 + random.below(161))
  let background = Background.paint(&canvas, &random)
  canvas.addClutter(near: background, &random)
  let palette = Palette(against: background, &random)
  let placement = Placement(on: canvas, kind: kind, &random)
  var drawing = Drawing(canvas: canvas, placement: placement, palette: palette, random: random)
  drawing.draw(kind)
  canvas = drawing.canvas
  canvas.addNoise(&drawing.random)
  return (canvas.image(), quality)
}

extension Placement {
  /// A position for a figure on `canvas`: mostly within the image, sometimes a close-up.
  init(on canvas: Canvas, kind: FigureKind, _ random: inout CounterRandom) {
    let shorter = Double(min(canvas.width, canvas.height))
    let scale = shorter / 2 * random.uniform(0.6, 1.05)
    let position = Point(
      Double(canvas.width) * random.uniform(0.4, 0.6),
      Double(canvas.height) * random.uniform(0.4, 0.6))
    // Creatures stand more or less upright; plain figures have no up.
    let upright = kind == .alien || kind == .predator
    let angle = upright ? random.uniform(-0.5, 0.5) : random.uniform(0, 2 * .pi)
    let closeUp = upright && random.unit() < 0.3
    let factor = closeUp ? 1.6 : 1
    let middle = Point(0, closeUp ? 0.45 * scale * factor : 0).turned(by: angle)
    self.init(
      origin: position + middle, scale: scale * factor, angle: angle,
      squeeze: random.uniform(0.8, 1.15), mirrored: random.unit() < 0.5)
  }
}

extension Drawing {
  /// Draws a figure of `kind`.
  fileprivate mutating func draw(_ kind: FigureKind) {
    switch kind {
    case .alien: drawAlien()
    case .predator: drawPredator()
    case .arcs: drawArcs()
    case .bars: drawBars()
    case .branch: drawBranch()
    case .cross: drawCross()
    case .disc: drawDisc()
    case .dottedCircle: drawDottedCircle()
    case .gear: drawGear()
    case .polygon: drawPolygon()
    case .ring: drawRings()
    case .spiral: drawSpiral()
    case .star: drawStar()
    case .stripes: drawStripes()
    }
  }
}
