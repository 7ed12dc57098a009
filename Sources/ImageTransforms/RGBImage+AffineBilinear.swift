import Tensors

extension RGBImage {
  /// Shears, zooms and mirrors as the keras preset does: each pixel is mixed from the four around
  /// the point it comes from, the nearest edge pixel outside. Values are not rounded.
  ///
  /// The map is keras-preprocessing's `apply_affine_transform`: (row, column) comes from
  /// `[[zoom, -sin shear * columnZoom], [0, cos shear * columnZoom]] (row, column)`, about half a
  /// pixel behind the image's centre.
  ///
  /// - Returns: `height * width * 3` values 0 to 255, in the order of ``RGBImage/pixels``.
  func affineBilinear(_ parameters: AffineParameters) -> [Float] {
    let rowScale = parameters.zoom
    let rowShift = -parameters.shearSine * parameters.columnZoom
    let columnScale = parameters.shearCosine * parameters.columnZoom
    let (centerY, centerX) = (Double(height) / 2 + 0.5, Double(width) / 2 + 0.5)
    let rowOffset = rowScale * -centerY + rowShift * -centerX + centerY
    let columnOffset = columnScale * -centerX + centerX
    let columns = (0..<width).map { target in
      let column = parameters.flips ? width - 1 - target : target
      return SourceColumn(
        BetweenPixels(Double(column) * columnScale + columnOffset, count: width),
        rowShift: Double(column) * rowShift + rowOffset)
    }
    return mixing(columns: columns, rowScale: rowScale)
  }

  /// Where a column of the result comes from. Shear moves rows only, so one column is enough for
  /// all pixels of it.
  private struct SourceColumn {
    /// The two columns around the point.
    let (left, right): (Int, Int)
    /// The share of the right column.
    let share: Float
    /// What is added to the scaled row.
    let rowShift: Double

    init(_ position: BetweenPixels, rowShift: Double) {
      left = position.low
      right = position.high
      share = position.share
      self.rowShift = rowShift
    }
  }

  private func mixing(columns: [SourceColumn], rowScale: Double) -> [Float] {
    // Both loops run for every pixel. The four numbers of a pixel, one of them unused, are worked
    // on at once, without checks of indices: `BetweenPixels` never leaves the image.
    let source = [SIMD4<Float>](unsafeUninitializedCapacity: width * height) {
      target, initialized in
      pixels.withUnsafeBufferPointer { bytes in
        for pixel in 0..<width * height {
          target[pixel] = SIMD4(
            Float(bytes[pixel * 3]), Float(bytes[pixel * 3 + 1]), Float(bytes[pixel * 3 + 2]), 0)
        }
      }
      initialized = width * height
    }
    return [Float](unsafeUninitializedCapacity: pixels.count) { target, initialized in
      source.withUnsafeBufferPointer { source in
        columns.withUnsafeBufferPointer { columns in
          var offset = 0
          for row in 0..<height {
            for column in columns {
              let position = BetweenPixels(Double(row) * rowScale + column.rowShift, count: height)
              let (top, bottom) = (position.low * width, position.high * width)
              let upper = mix(source[top + column.left], source[top + column.right], column.share)
              let lower = mix(
                source[bottom + column.left], source[bottom + column.right], column.share)
              let pixel = mix(upper, lower, position.share)
              target[offset] = pixel.x
              target[offset + 1] = pixel.y
              target[offset + 2] = pixel.z
              offset += 3
            }
          }
        }
      }
      initialized = pixels.count
    }
  }
}

/// A point between two neighbouring pixels of a line, or on the line's first or last pixel.
private struct BetweenPixels {
  /// The pixel before and the pixel after.
  let (low, high): (Int, Int)
  /// The share of the pixel after.
  let share: Float

  /// The point nearest to `position` on a line of `count` pixels.
  @inline(__always)
  init(_ position: Double, count: Int) {
    // `max` with NaN last gives 0, so that every input ends up on the line.
    let inside = min(max(0, position), Double(count - 1))
    low = Int(inside)
    high = min(low + 1, count - 1)
    share = Float(inside - Double(low))
  }
}

@inline(__always)
private func mix(_ first: SIMD4<Float>, _ second: SIMD4<Float>, _ share: Float) -> SIMD4<Float> {
  first + (second - first) * share
}
