import Tensors

extension RGBImage {
  /// The image with `width` columns and `height` rows, each pixel a copy of the nearest one.
  ///
  /// The pixels are those of the Pillow library's `resize` with `NEAREST`.
  /// Of the result only the part in `columns` and `rows` is made, nil for all of it.
  /// - Precondition: `width` and `height` are positive, the ranges in them and not empty.
  package func resizedNearest(
    width newWidth: Int, height newHeight: Int, columns: Range<Int>? = nil, rows: Range<Int>? = nil
  ) -> RGBImage {
    copyingPixels(
      columns: nearestPositions(newWidth, from: width, columns ?? 0..<newWidth),
      rows: nearestPositions(newHeight, from: height, rows ?? 0..<newHeight))
  }

  /// The image whose pixel at (row, column) is ours at (`rows[row]`, `columns[column]`); black
  /// where either is negative.
  func copyingPixels(columns: [Int], rows: [Int]) -> RGBImage {
    let byteCount = columns.count * rows.count * 3
    // The inner loop runs for every pixel; with checked indices it takes four times as long.
    let result = [UInt8](unsafeUninitializedCapacity: byteCount) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        var offset = 0
        for row in rows {
          for column in columns {
            let inside = row >= 0 && column >= 0
            let start = inside ? (row * width + column) * 3 : 0
            target[offset] = inside ? source[start] : 0
            target[offset + 1] = inside ? source[start + 1] : 0
            target[offset + 2] = inside ? source[start + 2] : 0
            offset += 3
          }
        }
      }
      initialized = byteCount
    }
    return RGBImage(width: columns.count, height: rows.count, pixels: result)
  }
}

/// The nearest of `oldCount` positions to the centre of each of `newCount` equal parts, of those in
/// `range`.
private func nearestPositions(_ newCount: Int, from oldCount: Int, _ range: Range<Int>) -> [Int] {
  positionsByStepping(
    range, step: Double(oldCount) / Double(newCount), start: 0, limit: oldCount)
}

/// The positions in `0 ..< limit` below the centres of the pixels in `range`, -1 for those outside.
///
/// A pixel's centre lies `step` after the one before, the first one half a step after `start`. The
/// positions are added up, not multiplied: their rounding errors decide which of two equally near
/// pixels is taken, and are to be Pillow's.
func positionsByStepping(
  _ range: Range<Int>, step: Double, start: Double, limit: Int
) -> [Int] {
  var position = start + step * 0.5
  for _ in 0..<range.lowerBound { position += step }
  return range.map { _ in
    defer { position += step }
    return position >= 0 && position < Double(limit) ? Int(position) : -1
  }
}
