import Tensors

extension RGBImage {
  /// The image with `width` columns and `height` rows, each pixel a copy of the nearest one.
  ///
  /// The pixels are those of the Pillow library's `resize` with `NEAREST`.
  /// - Precondition: `width` and `height` are positive.
  package func resizedNearest(width newWidth: Int, height newHeight: Int) -> RGBImage {
    let columns = nearestPositions(newWidth, from: width)
    let rows = nearestPositions(newHeight, from: height)
    return copyingPixels(columns: columns, rows: rows)
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

/// The nearest of `oldCount` positions to the centre of each of `newCount` equal parts.
private func nearestPositions(_ newCount: Int, from oldCount: Int) -> [Int] {
  positionsByStepping(
    count: newCount, step: Double(oldCount) / Double(newCount), start: 0, limit: oldCount)
}

/// The positions in `0 ..< limit` below the centres of `count` pixels, -1 for those outside.
///
/// A pixel's centre lies `step` after the one before, the first one half a step after `start`. The
/// positions are added up, not multiplied: their rounding errors decide which of two equally near
/// pixels is taken, and are to be Pillow's.
func positionsByStepping(count: Int, step: Double, start: Double, limit: Int) -> [Int] {
  var position = start + step * 0.5
  return (0..<count).map { _ in
    defer { position += step }
    return position >= 0 && position < Double(limit) ? Int(position) : -1
  }
}
