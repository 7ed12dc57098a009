import Foundation

extension Drawing {
  /// Several arcs about one centre.
  mutating func drawArcs() {
    let width = random.uniform(0.05, 0.1)
    for arc in 0..<2 + random.below(3) {
      let start = random.uniform(0, 2 * .pi)
      let radius = 0.95 - 0.25 * Double(arc)
      let points = Path.arc(radius: radius, from: start, to: start + random.uniform(1.2, 3.6))
      fillStyled(.stroke(points, width, width), arc)
    }
  }

  /// Parallel bars of different lengths, with gaps.
  mutating func drawBars() {
    let count = 3 + random.below(4)
    let pitch = 1.8 / Double(count)
    for bar in 0..<count {
      let x = -0.9 + pitch * (Double(bar) + 0.5)
      let top = random.uniform(-0.95, 0.3)
      let corners = [
        Point(x - pitch * 0.32, 0.9), Point(x - pitch * 0.32, top), Point(x + pitch * 0.32, top),
        Point(x + pitch * 0.32, 0.9),
      ]
      fillStyled(.polygon(corners), bar)
    }
  }

  /// A stem that forks several times.
  mutating func drawBranch() {
    var twigs = [(root: Point(0, 0.95), reach: Point(jitter(0.1), -0.7), width: 0.08)]
    for _ in 0..<3 {
      var next: [(root: Point, reach: Point, width: Double)] = []
      for twig in twigs {
        let tip = twig.root + twig.reach
        fillBody(.stroke([twig.root, tip], twig.width, twig.width * 0.7))
        for angle in [-0.55, 0.55] {
          let reach = twig.reach.turned(by: angle + jitter(0.25)) * random.uniform(0.6, 0.8)
          next.append((tip, reach, twig.width * 0.7))
        }
      }
      twigs = next
    }
    guard chance(0.5) else { return }
    for twig in twigs { fill(.disc(twig.root, 0.06), palette.accent) }
  }

  /// Two or three beams through the centre.
  mutating func drawCross() {
    let beams = chance(0.6) ? 2 : 3
    let width = random.uniform(0.08, 0.2)
    let long = random.uniform(0.75, 1)
    for beam in 0..<beams {
      let reach = Point(angle: .pi * Double(beam) / Double(beams), radius: beam == 0 ? 1 : long)
      fillBody(.stroke([reach * -1, reach], width, width))
    }
    if chance(0.4) { fill(.disc(Point(0, 0), width * 0.8), palette.accent) }
  }

  /// A filled disc, perhaps with a smaller one on it.
  mutating func drawDisc() {
    fillBody(.ellipse(Point(0, 0), 0.9, random.uniform(0.55, 0.9)))
    guard chance(0.5) else { return }
    fill(.disc(Point(jitter(0.3), jitter(0.2)), random.uniform(0.1, 0.3)), palette.accent)
  }

  /// Dots on one or two circles.
  mutating func drawDottedCircle() {
    let count = 6 + random.below(9)
    let size = random.uniform(0.45, 0.8) * 2.6 / Double(count)
    for circle in 0..<(chance(0.3) ? 2 : 1) {
      let radius = 0.85 - 0.4 * Double(circle)
      for dot in 0..<count {
        let center = Point(angle: 2 * .pi * Double(dot) / Double(count), radius: radius)
        fillStyled(.disc(center, min(size, 0.16) * (circle == 0 ? 1 : 0.5)), dot)
      }
    }
  }

  /// A toothed wheel with a hole.
  mutating func drawGear() {
    let teeth = 7 + random.below(8)
    let depth = random.uniform(0.7, 0.82)
    let profile = [(0.0, depth), (0.25, depth), (0.32, 0.97), (0.68, 0.97), (0.75, depth)]
    let outline = (0..<teeth).flatMap { tooth in
      profile.map { share, radius in
        Point(angle: 2 * .pi * (Double(tooth) + share) / Double(teeth), radius: radius)
      }
    }
    let hole = Path.ring(.init(0, 0), outer: 0.5, inner: random.uniform(0.15, 0.4)).contours[1]
    fillBody(Path(contours: [outline, hole]))
  }

  /// A triangle to octagon, filled or as a frame.
  mutating func drawPolygon() {
    let corners = 3 + random.below(6)
    let turn = random.uniform(0, 2 * .pi)
    let outline = (0..<corners).map { corner in
      Point(angle: turn + 2 * .pi * Double(corner) / Double(corners), radius: 0.95)
    }
    guard chance(0.4) else { return fillBody(.polygon(outline)) }
    let inside = random.uniform(0.5, 0.75)
    let inner = outline.map { $0 * inside }
    fillBody(Path(contours: [outline, inner.reversed()]))
  }

  /// One to three rings inside each other.
  mutating func drawRings() {
    let count = 1 + random.below(3)
    for ring in 0..<count {
      let outer = 0.95 - 0.32 * Double(ring)
      let path = Path.ring(Point(0, 0), outer: outer, inner: outer - random.uniform(0.1, 0.2))
      fillStyled(path, ring)
    }
  }

  /// A line that winds outwards.
  mutating func drawSpiral() {
    let turns = random.uniform(1.8, 3.2)
    let points = (0...60).map { step in
      let share = Double(step) / 60
      return Point(angle: 2 * .pi * turns * share, radius: 0.08 + 0.85 * share)
    }
    fillBody(.stroke(points, random.uniform(0.03, 0.08), random.uniform(0.06, 0.1)))
  }

  /// A star of four to nine points.
  mutating func drawStar() {
    let points = 4 + random.below(6)
    let depth = random.uniform(0.3, 0.6)
    let outline = (0..<2 * points).map { corner in
      Point(angle: .pi * Double(corner) / Double(points), radius: corner % 2 == 0 ? 1 : depth)
    }
    fillBody(.polygon(outline))
    if chance(0.4) { fill(.disc(Point(0, 0), depth * 0.5), palette.accent) }
  }

  /// A round patch of parallel stripes.
  mutating func drawStripes() {
    let count = 5 + random.below(6)
    let pitch = 1.9 / Double(count)
    for stripe in 0..<count {
      let y = -0.95 + pitch * (Double(stripe) + 0.5)
      let reach = (1 - y * y).squareRoot()
      fillStyled(
        .stroke([Point(-reach, y), Point(reach, y)], pitch * 0.27, pitch * 0.27), stripe % 2)
    }
  }

  /// Fills one part of a figure; every other part of a two-coloured figure has the accent colour.
  private mutating func fillStyled(_ path: Path, _ part: Int) {
    if palette.isTwoColoured && part % 2 == 1 { fill(path, palette.accent) } else { fillBody(path) }
  }
}
