/// The weights with which the triangle filter mixes old pixels of a line into new ones.
///
/// When a line shrinks, the triangle widens so that every old pixel counts (antialiasing). Weights
/// are fixed-point numbers with 22 bits after the point, since a sum of weighted 8-bit values then
/// just fits 32 bits; all choices of rounding are those of the Pillow library's `resize`.
struct ResizeFilter {
  /// Bits after the point of ``weights``.
  static let precision: Int32 = 22

  /// The first old pixel that each new one is mixed from.
  private(set) var starts: [Int] = []
  /// How many old pixels each new one is mixed from, at least 1.
  private(set) var counts: [Int] = []
  /// Room in ``weights`` for each new pixel; those behind its count are 0.
  let stride: Int
  /// The weights of new pixel `i` begin at `i * stride`.
  private(set) var weights: [Int32] = []

  /// The filter from `oldCount` to those in `range` of `newCount` pixels.
  init(from oldCount: Int, to newCount: Int, _ range: Range<Int>) {
    let scale = Double(oldCount) / Double(newCount)
    let support = max(scale, 1)
    stride = Int(support.rounded(.up)) * 2 + 1
    weights.reserveCapacity(range.count * stride)
    for new in range {
      let center = (Double(new) + 0.5) * scale
      let start = max(Int(center - support + 0.5), 0)
      let end = min(Int(center + support + 0.5), oldCount)
      starts.append(start)
      counts.append(end - start)
      appendWeights(Self.triangle(start..<end, center: center, support: support))
    }
  }

  /// The weights of the old pixels that new pixel `new` is mixed from.
  func weights(_ new: Int) -> ArraySlice<Int32> {
    weights[new * stride..<new * stride + counts[new]]
  }

  /// The heights at old pixels `range` of a triangle of half-width `support` around `center`.
  private static func triangle(_ range: Range<Int>, center: Double, support: Double) -> [Double] {
    let inverse = 1 / support
    return range.map { old in
      max(1 - abs((Double(old) - center + 0.5) * inverse), 0)
    }
  }

  /// Appends `heights` in fixed point, scaled to a sum of 1, and fills up with zeros.
  private mutating func appendWeights(_ heights: [Double]) {
    let sum = heights.reduce(0, +)
    let one = Double(1 << Self.precision)
    for height in heights { weights.append(Int32(height / sum * one + 0.5)) }
    weights.append(contentsOf: repeatElement(0, count: stride - heights.count))
  }
}
