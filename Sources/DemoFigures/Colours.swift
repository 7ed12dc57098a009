import Foundation
import Tensors

extension Colour {
  /// A colour from its hue in turns, saturation and brightness, each 0 to 1.
  static func hsv(_ hue: Double, _ saturation: Double, _ brightness: Double) -> Colour {
    let channels = [0.0, 2.0 / 3, 1.0 / 3].map { shift -> Float in
      let phase = (hue + shift).truncatingRemainder(dividingBy: 1)
      let share = Swift.min(Swift.max(abs(phase * 6 - 3) - 1, 0), 1)
      return Float(brightness * (1 - saturation * (1 - share)))
    }
    return Colour(channels[0], channels[1], channels[2])
  }

  /// How bright the colour looks (the weights of Rec. 601).
  var luminance: Float { 0.299 * x + 0.587 * y + 0.114 * z }

  /// The colour blended with another.
  func mixed(with other: Colour, _ share: Float) -> Colour {
    self + (other - self) * share
  }
}

/// The colours of one figure: the same choices for every kind, so that colour tells nothing about
/// it.
struct Palette: Sendable {
  /// Most of the figure.
  let body: Colour
  /// Parts that are lit, and parts in the shade.
  let light: Colour
  let shade: Colour
  /// Small parts that stand out: eyes, beads, buckles.
  let accent: Colour
  /// Whether parts that repeat take turns in `body` and `accent`.
  let isTwoColoured: Bool

  /// A body colour that differs visibly from `background`, and what goes with it.
  init(against background: Colour, _ random: inout CounterRandom) {
    var candidate = Colour.hsv(
      random.unit(), random.uniform(0.1, 0.9), random.uniform(0.15, 0.95))
    // Sixteen tries find a contrast on any background: luminance spans 0 to 1.
    for _ in 0..<16 where abs(candidate.luminance - background.luminance) < 0.22 {
      candidate = .hsv(random.unit(), random.uniform(0.1, 0.9), random.uniform(0.1, 1))
    }
    body = candidate
    light = candidate.mixed(with: .one, Float(random.uniform(0.2, 0.5)))
    shade = candidate.mixed(with: .zero, Float(random.uniform(0.35, 0.65)))
    let bright = candidate.luminance < 0.5
    accent = .hsv(random.unit(), random.uniform(0.3, 1), bright ? 1 : random.uniform(0.05, 0.3))
    isTwoColoured = random.unit() < 0.35
  }
}
