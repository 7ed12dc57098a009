import Tensors

extension RGBImage {
  /// Shears, zooms, rotates, shifts and mirrors as the keras preset does: each pixel is mixed from the four around
  /// the point it comes from, the nearest edge pixel outside. Values are not rounded.
  ///
  /// The map is keras-preprocessing's `apply_affine_transform`: (row, column) comes from
  /// `R ([[zoom, -sin shear * columnZoom], [0, cos shear * columnZoom]] (row, column) + shift)`, R the
  /// rotation, about half a pixel behind the image's centre.
  ///
  /// - Returns: `height * width * 3` values 0 to 255, in the order of ``RGBImage/pixels``.
  func affineBilinear(_ parameters: AffineParameters) -> [Float] {
    let (sine, cosine) = (sine(parameters.rotation), cosine(parameters.rotation))
    let sheared = -parameters.shearSine * parameters.columnZoom
    let narrowed = parameters.shearCosine * parameters.columnZoom
    let rowScale = cosine * parameters.zoom
    let rowShift = cosine * sheared - sine * narrowed
    let columnShift = sine * parameters.zoom
    let columnScale = sine * sheared + cosine * narrowed
    let (shiftY, shiftX) = (
      parameters.shift.y * Double(height), parameters.shift.x * Double(width)
    )
    let (centerY, centerX) = (Double(height) / 2 + 0.5, Double(width) / 2 + 0.5)
    let rowOffset =
      rowScale * -centerY + rowShift * -centerX + (cosine * shiftY - sine * shiftX) + centerY
    let columnOffset =
      columnScale * -centerX + columnShift * -centerY + (sine * shiftY + cosine * shiftX) + centerX
    return mixing(rowScale: rowScale, isTurned: columnShift != 0) { row in
      (0..<width).map { target in
        let column = parameters.flips ? width - 1 - target : target
        return SourceColumn(
          BetweenPixels(
            Double(column) * columnScale + columnOffset + Double(row) * columnShift, count: width),
          rowShift: Double(column) * rowShift + rowOffset)
      }
    }
  }

  /// Where a column of the result comes from. Without rotation, rows alone are moved, so one column
  /// is enough for all pixels of it.
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

  /// - Parameter columns: those of a row; the same for all unless the image is turned.
  private func mixing(
    rowScale: Double, isTurned: Bool, columns: (_ row: Int) -> [SourceColumn]
  ) -> [Float] {
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
        var (own, offset) = (columns(0), 0)
        for row in 0..<height {
          if isTurned { own = columns(row) }
          own.withUnsafeBufferPointer { own in
            for column in own {
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
