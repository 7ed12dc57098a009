/// Where the true share lies, by 95 %, when `right` of `count` were right (E. B. Wilson, "Probable
/// inference, the law of succession, and statistical inference", 1927, without continuity
/// correction).
package struct WilsonInterval: Codable, Equatable, Sendable {
  /// The ends, in 0...1.
  package let low, high: Double

  /// The point that a normal variable of deviation 1 keeps below in magnitude, 19 of 20 times.
  private static let quantile = 1.959963984540054

  /// - Precondition: `right` is in 0...`count`, and `count` is positive.
  package init(right: Int, of count: Int) {
    precondition(count > 0 && (0...count).contains(right))
    let (share, count) = (Double(right) / Double(count), Double(count))
    let square = Self.quantile * Self.quantile
    let centre = share + square / (2 * count)
    let spread =
      Self.quantile * (share * (1 - share) / count + square / (4 * count * count)).squareRoot()
    low = share == 0 ? 0 : (centre - spread) / (1 + square / count)
    high = share == 1 ? 1 : (centre + spread) / (1 + square / count)
  }
}
