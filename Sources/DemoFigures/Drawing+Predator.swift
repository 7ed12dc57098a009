extension Drawing {
  /// A broad hunter with dreadlocks, a mask or bare mandibles, and armour.
  mutating func drawPredator() {
    if chance(0.4) { drawSpear() }
    drawPredatorLimbs()
    drawPredatorTorso()
    drawDreadlocks()
    drawPredatorHead()
    if chance(0.5) { drawShoulderCannon() }
  }

  private mutating func drawSpear() {
    let side = chance(0.5) ? 1.0 : -1.0
    let (butt, tip) = (Point(side * 0.5, 0.9), Point(side * 0.78, -0.75))
    fill(.stroke([butt, tip], 0.02, 0.02), palette.light)
    let blade = [Point(-0.06, 0.02), Point(0, -0.24), Point(0.06, 0.02)]
    fill(.polygon(blade.map { tip + $0.turned(by: side * 0.17) }), palette.light)
  }

  private mutating func drawPredatorLimbs() {
    for side in [-1.0, 1.0] {
      let knee = Point(side * (0.24 + jitter(0.07)), 0.6)
      let foot = Point(side * (0.25 + jitter(0.1)), 0.93)
      fillBody(.stroke([Point(side * 0.14, 0.3), knee, foot], 0.12, 0.08))
      fill(.ellipse(foot + Point(side * 0.05, 0.02), 0.13, 0.05), palette.shade)

      let elbow = Point(side * (0.5 + jitter(0.06)), 0.08 + jitter(0.1))
      let hand = Point(side * (0.5 + jitter(0.18)), 0.25 + jitter(0.35))
      fillBody(.stroke([Point(side * 0.32, -0.2), elbow, hand], 0.1, 0.07))
      let wrist = elbow + (hand - elbow) * 0.5
      fill(.stroke([wrist, hand], 0.085, 0.085), palette.shade)
      if chance(0.5) { drawWristBlades(hand, hand - elbow) }
    }
  }

  /// Two parallel blades beyond the hand.
  private mutating func drawWristBlades(_ hand: Point, _ reach: Point) {
    let blade = reach * (0.3 / max(reach.length, 0.05))
    for offset in [-0.04, 0.04] {
      let root = hand + blade.turned(by: .pi / 2) * (offset / 0.3)
      fill(.stroke([root, root + blade], 0.02, 0.006), palette.light)
    }
  }

  private mutating func drawPredatorTorso() {
    let shoulder = 0.38 + jitter(0.04)
    let half = [Point(shoulder, -0.28), Point(0.3, 0.02), Point(0.2, 0.38)]
    let outline = half + half.reversed().map { Point(-$0.x, $0.y) }
    fillBody(.polygon(outline))
    for side in [-1.0, 1.0] {
      fillBody(.disc(Point(side * (shoulder - 0.04), -0.24), 0.13))
    }
    let plate = [Point(0.28, -0.22), Point(0.17, 0.05), Point(-0.17, 0.05), Point(-0.28, -0.22)]
    fill(.polygon(plate), palette.shade)
    fill(.stroke([Point(0, -0.2), Point(0, 0.04)], 0.012, 0.012), palette.light)
    fill(.stroke([Point(-0.2, 0.33), Point(0.2, 0.33)], 0.045, 0.045), palette.shade)
    fill(.disc(Point(0, 0.33), 0.05), palette.accent)
  }

  /// Locks that hang from both sides of the head, each with a bead or two.
  private mutating func drawDreadlocks() {
    let count = 4 + random.below(3)
    for side in [-1.0, 1.0] {
      for lock in 0..<count {
        let share = Double(lock) / Double(count - 1)
        let root = Point(side * (0.1 + 0.12 * share), -0.78 + 0.2 * share)
        let tip = Point(
          side * (0.52 - 0.2 * share + jitter(0.06)), -0.3 + 0.22 * share + jitter(0.08))
        let bend = Point(side * (0.46 - 0.1 * share), -0.78 + 0.2 * share)
        let points = Path.bezier(root, bend, tip)
        fill(.stroke(points, 0.05, 0.022), palette.shade.mixed(with: .zero, 0.3))
        for bead in [5, 8] where chance(0.7) {
          fill(.disc(points[bead], 0.034), palette.accent)
        }
      }
    }
  }

  private mutating func drawPredatorHead() {
    fillBody(.ellipse(Point(0, -0.66), 0.25 + jitter(0.02), 0.25))
    if chance(0.5) { drawMask() } else { drawFace() }
    drawMandibles()
  }

  private mutating func drawMask() {
    let half = [
      Point(0.05, -0.82), Point(0.2, -0.76), Point(0.21, -0.56), Point(0.12, -0.42),
    ]
    let metal = palette.light.mixed(with: Colour(repeating: 0.6), 0.5)
    fill(.polygon(half + half.reversed().map { Point(-$0.x, $0.y) }), metal)
    let eye = [Point(0.04, -0.61), Point(0.17, -0.68), Point(0.15, -0.58)]
    fillBoth(.polygon(eye), Colour(repeating: 0.04))
    fill(.stroke([Point(0, -0.8), Point(0, -0.62)], 0.012, 0.012), palette.shade)
    guard chance(0.6) else { return }
    // The three points of the aiming light.
    for dot in [Point(0.1, -0.79), Point(0.07, -0.74), Point(0.13, -0.74)] {
      fill(.disc(dot, 0.022), Colour(0.95, 0.1, 0.1))
    }
  }

  private mutating func drawFace() {
    let brow = [Point(-0.2, -0.7), Point(0, -0.64), Point(0.2, -0.7)]
    fill(.stroke(brow, 0.03, 0.03), palette.shade)
    fillBoth(.disc(Point(0.1, -0.62), 0.032), palette.accent)
    fillBoth(.disc(Point(0.1, -0.62), 0.014), Colour(repeating: 0.02))
    fill(.ellipse(Point(0, -0.46), 0.11, 0.08), palette.shade.mixed(with: .zero, 0.6))
    for tooth in [-0.06, -0.02, 0.02, 0.06] {
      let corners = [
        Point(tooth - 0.018, -0.51), Point(tooth + 0.018, -0.51), Point(tooth, -0.45),
      ]
      fill(.polygon(corners), Colour(0.95, 0.93, 0.85))
    }
  }

  /// Four tusks about the mouth.
  private mutating func drawMandibles() {
    let ivory = Colour(0.93, 0.9, 0.78)
    let spread = random.uniform(0, 0.07)
    let lower = Path.curve(
      Point(0.14, -0.48), Point(0.24 + spread, -0.36), Point(0.07 + spread, -0.28), 0.034, 0.01)
    let upper = Path.curve(
      Point(0.17, -0.53), Point(0.3 + spread, -0.48), Point(0.2 + spread, -0.38), 0.028, 0.01)
    fillBoth(lower, ivory)
    fillBoth(upper, ivory)
  }

  private mutating func drawShoulderCannon() {
    let side = chance(0.5) ? 1.0 : -1.0
    let root = Point(side * 0.36, -0.36)
    fill(.stroke([root, root + Point(0, 0.1)], 0.03, 0.04), palette.shade)
    let barrel = root + Point(side * 0.2, -0.06)
    fill(.stroke([root + Point(-side * 0.06, 0), barrel], 0.055, 0.04), palette.shade)
    fill(.disc(barrel, 0.025), palette.accent)
  }
}
