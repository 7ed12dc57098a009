extension Drawing {
  /// A thin creature with a long domed head, big slanted eyes and a bladed tail.
  mutating func drawAlien() {
    drawAlienTail()
    drawAlienLimbs()
    drawAlienTorso()
    drawAlienHead()
  }

  private mutating func drawAlienTail() {
    let side = chance(0.5) ? 1.0 : -1.0
    let tip = Point(side * random.uniform(0.55, 0.85), random.uniform(-0.55, 0.15))
    let bend = Point(side * random.uniform(0.7, 1.1), random.uniform(0.6, 0.95))
    fill(.curve(Point(0, 0.3), bend, tip, 0.07, 0.02), palette.shade)
    let blade = [
      Point(-0.05, 0.04), Point(0, -0.2), Point(0.05, 0.04), Point(0, 0.09),
    ].map { tip + $0.turned(by: side * 0.3) }
    fill(.polygon(blade), palette.light)
  }

  private mutating func drawAlienLimbs() {
    for side in [-1.0, 1.0] {
      let knee = Point(side * (0.24 + jitter(0.08)), 0.58 + jitter(0.05))
      let foot = Point(side * (0.17 + jitter(0.12)), 0.96)
      fillBody(.stroke([Point(side * 0.07, 0.3), knee, foot], 0.05, 0.03))
      fillBody(.ellipse(foot + Point(side * 0.05, 0), 0.1, 0.03))

      let elbow = Point(side * (0.38 + jitter(0.07)), 0.08 + jitter(0.15))
      let hand = Point(side * (0.5 + jitter(0.15)), 0.1 + jitter(0.4))
      fillBody(.stroke([Point(side * 0.12, -0.1), elbow, hand], 0.04, 0.025))
      drawClaws(of: hand, reach: hand - elbow)
    }
  }

  /// Three long fingers that go on in the direction of the arm.
  private mutating func drawClaws(of hand: Point, reach: Point) {
    let finger = reach * (0.16 / max(reach.length, 0.05))
    for angle in [-0.5, 0, 0.5] {
      fillBody(.stroke([hand, hand + finger.turned(by: angle)], 0.022, 0.008))
    }
  }

  private mutating func drawAlienTorso() {
    fillBody(.stroke([Point(0, -0.35), Point(0, -0.1)], 0.05, 0.06))
    fillBody(.ellipse(Point(0, 0.1), 0.14 + jitter(0.02), 0.27))
    for rib in 0..<4 {
      let y = -0.02 + 0.09 * Double(rib)
      let points = Path.bezier(Point(-0.09, y), Point(0, y + 0.07), Point(0.09, y))
      fill(.stroke(points, 0.012, 0.012), palette.shade)
    }
  }

  private mutating func drawAlienHead() {
    let middle = Point(0, -0.58)
    let lean = jitter(0.35)
    let (width, height) = (0.25 + jitter(0.03), 0.4 + jitter(0.06))
    // An egg with its narrow end at the chin, the dome drawn out to one side.
    let outline = Path.arc(radius: 1, from: 0, to: 2 * .pi, steps: 48).map { point in
      let rise = max(-point.y, 0)
      return middle
        + Point(
          point.x * width * (1 - 0.38 * point.y) + lean * rise * rise * 0.5, point.y * height)
    }
    fillBody(.polygon(outline))
    drawAlienEyes(middle)
    if chance(0.6) {
      let shine = middle + Point(lean * 0.2 - 0.07, -0.2)
      fill(.ellipse(shine, 0.045, 0.1, angle: 0.4), palette.light.mixed(with: .one, 0.4))
    }
    let mouth = middle + Point(0, 0.3)
    fill(
      .ellipse(mouth, 0.06, 0.02 + random.uniform(0, 0.03)), palette.shade.mixed(with: .zero, 0.6))
  }

  private mutating func drawAlienEyes(_ middle: Point) {
    let dark = chance(0.6)
    let colour = dark ? Colour(repeating: 0.03) : palette.accent
    let slant = random.uniform(0.45, 0.8)
    let (length, thickness) = (random.uniform(0.1, 0.13), random.uniform(0.055, 0.075))
    for side in [-1.0, 1.0] {
      let eye = middle + Point(side * 0.12, 0.06)
      fill(.ellipse(eye, length, thickness, angle: -side * slant), colour)
      let glint = dark ? Colour.one : palette.shade
      fill(.disc(eye + Point(0.025, -0.03), 0.018), glint)
    }
  }
}
