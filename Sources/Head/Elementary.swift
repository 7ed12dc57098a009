/// `base` to a whole power by squaring.
///
/// The mathematics library of another host may round the last bit otherwise; ranks must agree on
/// every bit of a step, so powers and cosines are made of operations whose rounding IEEE 754 fixes.
///
/// - Precondition: `exponent` is at least 0.
package func power(_ base: Double, _ exponent: Int) -> Double {
  precondition(exponent >= 0)
  var result = 1.0
  var square = base
  var left = exponent
  while left > 0 {
    if left & 1 == 1 { result *= square }
    square *= square
    left >>= 1
  }
  return result
}

/// cos(π x) for x in 0...1 to about one unit in the last place of 1, by its power series.
package func cosineOfPi(_ x: Double) -> Double {
  if x > 0.5 { return -cosineOfPi(1 - x) }
  let square = (x * .pi) * (x * .pi)
  var series = 1.0
  for k in stride(from: 22, to: 0, by: -2) {
    series = 1 - series * square / Double(k * (k - 1))
  }
  return series
}
