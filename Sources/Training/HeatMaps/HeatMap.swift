import ResNet

/// Where in an image the network found what speaks for a class: Grad-CAM (Selvaraju et al., 2017,
/// equations 1 and 2).
///
/// The features are the means of a map's channels over its cells, so the weight of a channel is the
/// gradient of the class's logit by that feature, divided by the cells.
package struct HeatMap: Equatable, Sendable {
  /// How many rows there are, and columns.
  package let size: Int
  /// Row by row from the top, in parts of a logit; 0 where nothing speaks for the class.
  package let values: [Double]

  /// The heat map of one class.
  ///
  /// - Parameters:
  ///   - map: the network's last map.
  ///   - gradient: that of the class's logit by the features.
  /// - Precondition: the map is square and the gradient as long as the features.
  package init(_ map: LastMap, gradient: [Double]) {
    precondition(gradient.count == map.features.count)
    let (cells, channels) = (map.cells, gradient.count)
    self.init(
      values: (0..<cells).map { cell in
        let sum = zip(map.numbers[cell * channels..<(cell + 1) * channels], gradient)
          .reduce(0) { $0 + Double($1.0) * $1.1 }
        return max(0, sum / Double(cells))
      })
  }

  /// A heat map of these values.
  ///
  /// - Precondition: their count is the square of a whole number above 0.
  init(values: [Double]) {
    size = Int(Double(values.count).squareRoot())
    precondition(size > 0 && size * size == values.count)
    self.values = values
  }

  /// The map with `side` rows and columns, between whose centres of cells values are linear.
  ///
  /// - Returns: `side * side` values, row by row.
  func enlarged(to side: Int) -> [Double] {
    let taps = (0..<side).map { pixel -> (from: Int, to: Int, share: Double) in
      let place = (Double(pixel) + 0.5) * Double(size) / Double(side) - 0.5
      let inside = min(max(place, 0), Double(size - 1))
      let from = Int(inside)
      return (from, min(from + 1, size - 1), inside - Double(from))
    }
    return taps.flatMap { row in
      taps.map { column in
        func between(_ row: Int) -> Double {
          let (left, right) = (values[row * size + column.from], values[row * size + column.to])
          return left + (right - left) * column.share
        }
        let (upper, lower) = (between(row.from), between(row.to))
        return upper + (lower - upper) * row.share
      }
    }
  }
}
