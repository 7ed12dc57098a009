import Tensors
import Testing

@testable import DemoFigures

@Suite struct CanvasTests {
  /// The area that `path` covers on a canvas of 40 x 30 pixels, in pixels.
  private func area(_ path: Path) -> Float {
    var canvas = Canvas(width: 40, height: 30)
    canvas.fill(path, Paint(Colour(1, 1, 1)))
    return canvas.colours.reduce(0) { $0 + $1.x }
  }

  @Test func coverageOfARectangleIsItsArea() {
    let corners = [Point(3.25, 4.5), Point(10.5, 4.5), Point(10.5, 9), Point(3.25, 9)]
    #expect(abs(area(.polygon(corners)) - 7.25 * 4.5) < 1e-3)
    #expect(abs(area(.polygon(corners.reversed())) - 7.25 * 4.5) < 1e-3)
  }

  @Test func coverageOfADiscIsItsArea() {
    #expect(abs(area(.disc(Point(20, 15), 9)) - .pi * 81) < 2)
  }

  @Test func aRingHasAHole() {
    let ring = Path.ring(Point(20.5, 15.5), outer: 10, inner: 5)
    #expect(abs(area(ring) - .pi * 75) < 3)
    var canvas = Canvas(width: 40, height: 30)
    canvas.fill(ring, Paint(.one))
    #expect(canvas.colours[15 * 40 + 20] == .zero)
  }

  @Test func overlappingPartsOfAStrokeCountOnce() {
    let there = Path.stroke([Point(5, 15), Point(30, 15)], 3, 3)
    let andBack = Path.stroke([Point(5, 15), Point(30, 15), Point(5, 15)], 3, 3)
    #expect(abs(area(there) - area(andBack)) < 1e-2)
    #expect(abs(area(there) - (25 * 6 + .pi * 9)) < 2)
  }

  @Test func whatLiesOutsideIsCutOff() {
    let corners = [Point(-50, -50), Point(90, -50), Point(90, 90), Point(-50, 90)]
    #expect(area(.polygon(corners)) == 1200)
    #expect(area(.disc(Point(-20, 15), 10)) == 0)
    #expect(area(.disc(Point(20, 50), 10)) == 0)
    #expect(area(.disc(Point(20, -50), 10)) == 0)
    #expect(area(Path()) == 0)
  }

  @Test func gradientRunsFromOneColourToTheOther() {
    let paint = Paint(.zero, .one, from: Point(10, 0), to: Point(30, 0))
    #expect(paint.colour(0, 5) == .zero)
    #expect(paint.colour(20, 5) == Colour(repeating: 0.5))
    #expect(paint.colour(39, 5) == .one)
  }

  @Test func huesAreWhatTheyAreCalled() {
    #expect(Colour.hsv(0, 1, 1) == Colour(1, 0, 0))
    #expect(simd(Colour.hsv(1.0 / 3, 1, 1), isNear: Colour(0, 1, 0)))
    #expect(simd(Colour.hsv(2.0 / 3, 1, 1), isNear: Colour(0, 0, 1)))
    #expect(Colour.hsv(0.4, 0, 0.5) == Colour(repeating: 0.5))
  }

  @Test func aPaletteContrastsWithItsBackground() {
    var random = CounterRandom(seed: 1, purpose: .demoFigures)
    for level in stride(from: Float(0), through: 1, by: 0.1) {
      let background = Colour(repeating: level)
      for _ in 0..<20 {
        let palette = Palette(against: background, &random)
        #expect(abs(palette.body.luminance - level) > 0.1)
      }
    }
  }

  private func simd(_ left: Colour, isNear right: Colour) -> Bool {
    let difference = left - right
    return (difference * difference).sum() < 1e-8
  }
}
