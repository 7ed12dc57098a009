/// How often each word left a layer.
struct WordCounts {
  /// The real number that a word of 1 stands for.
  let unit: Double
  /// By the word and 32768.
  var counts = [UInt64](repeating: 0, count: 1 << 16)

  /// The largest real number; 0 where none is positive.
  var largest: Double {
    let word = counts.indices.last { counts[$0] > 0 } ?? 0
    return Double(max(0, word - 32768)) * unit
  }

  /// The scale by which activations, rounded and clipped to 0 to 255, differ least from the words in
  /// the sum of squares; 1 where all is 0.
  var bestScale: Double {
    let largest = largest
    guard largest > 0 else { return 1 }
    let present = (32769..<counts.count).filter { counts[$0] > 0 }
    let values = present.map { (Double($0 - 32768) * unit, Double(counts[$0])) }
    func error(_ scale: Double) -> Double {
      values.reduce(0) { sum, value in
        let difference = value.0 - scale * min(255, (value.0 / scale).rounded())
        return sum + value.1 * difference * difference
      }
    }
    // From the whole range down to a quarter of it.
    let candidates = (0...75).map { largest / 255 * Double(100 - $0) / 100 }
    let errors = candidates.map(error)
    let best = errors.indices.reduce(0) { errors[$1] < errors[$0] ? $1 : $0 }
    return candidates[best]
  }
}
