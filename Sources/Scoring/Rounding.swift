/// `values` as whole numbers with the same sum: each is rounded, ties to even, and where the sum is not
/// met those that were rounded furthest the other way are changed by one. Of equal ones the last is
/// raised first, and the first is lowered first.
///
/// - Precondition: all are finite.
func rounded(_ values: [Double]) -> [Int] {
  var whole = values.map { $0.rounded(.toNearestOrEven) }
  let target = pairwiseSum(values[...]).rounded(.toNearestOrEven)
  var missing = Int(target - whole.reduce(0, +))
  while missing != 0, !values.isEmpty {
    let ascending = values.indices.sorted {
      (values[$0] - whole[$0], $0) < (values[$1] - whole[$1], $1)
    }
    let step = missing.signum()
    let chosen = (step > 0 ? ascending.reversed() : ascending).prefix(abs(missing))
    for index in chosen { whole[index] += Double(step) }
    missing -= step * chosen.count
  }
  return whole.map { Int($0) }
}

/// The sum in NumPy's order (`np.sum` of a contiguous array), so that what is compared with its
/// results has the same bits: up to 128 values in eight interleaved sums, more in two halves.
func pairwiseSum(_ values: ArraySlice<Double>) -> Double {
  if values.count < 8 { return values.reduce(0, +) }
  if values.count > 128 {
    let half = values.startIndex + values.count / 2 / 8 * 8
    return pairwiseSum(values[..<half]) + pairwiseSum(values[half...])
  }
  var sums = Array(values.prefix(8))
  let whole = values.startIndex + values.count / 8 * 8
  for index in values.startIndex + 8..<whole {
    sums[(index - values.startIndex) % 8] += values[index]
  }
  let first = (sums[0] + sums[1]) + (sums[2] + sums[3])
  let second = (sums[4] + sums[5]) + (sums[6] + sums[7])
  return values[whole...].reduce(first + second, +)
}
