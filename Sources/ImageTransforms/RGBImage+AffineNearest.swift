import Tensors

extension RGBImage {
  /// Shears, zooms and mirrors as the pytorch preset does: each pixel is a copy of the one that its
  /// centre comes from, black where that lies outside.
  ///
  /// The map is torchvision's `affine` about the image's centre, without rotation and
  /// translation: (x, y) comes from `1 / zoom * [[1, tan shear], [0, 1]] (x, y)`. It is evaluated
  /// as the Pillow library evaluates it, in steps of 16 bits after the point, so that the same
  /// pixels are met.
  func affineNearest(_ parameters: AffineParameters) -> RGBImage {
    let scale = 1 / parameters.zoom
    let shift = parameters.shearSine / parameters.shearCosine / parameters.zoom
    let (centerX, centerY) = (Double(width) * 0.5, Double(height) * 0.5)
    let offsetX = scale * -centerX + shift * -centerY + centerX
    let offsetY = scale * -centerY + centerY
    guard shift != 0 else {
      return zoomedNearest(scale, offsetX, offsetY, flips: parameters.flips)
    }
    let step = fixedPoint(scale)
    let rows = fixedPositions(
      count: height, step: step, start: fixedPoint(offsetY + scale * 0.5), limit: height)
    let firstColumn = fixedPoint(offsetX + scale * 0.5 + shift * 0.5)
    return shearedNearest(
      rows: rows, firstColumn: firstColumn, columnStep: step, rowStep: fixedPoint(shift),
      flips: parameters.flips)
  }

  /// Without shear Pillow takes another way, which rounds differently.
  private func zoomedNearest(
    _ scale: Double, _ offsetX: Double, _ offsetY: Double, flips: Bool
  ) -> RGBImage {
    let columns = positionsByStepping(0..<width, step: scale, start: offsetX, limit: width)
    let rows = positionsByStepping(0..<height, step: scale, start: offsetY, limit: height)
    return copyingPixels(columns: flips ? columns.reversed() : columns, rows: rows)
  }

  /// The image whose pixel (x, y) is ours in row `rows[y]` and column
  /// `firstColumn + x * columnStep + y * rowStep`, in fixed point.
  private func shearedNearest(
    rows: [Int], firstColumn: Int, columnStep: Int, rowStep: Int, flips: Bool
  ) -> RGBImage {
    // The inner loop runs for every pixel; every index is checked by the conditions in it.
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        for (y, row) in rows.enumerated() {
          var column = firstColumn + y * rowStep
          var offset = (y * width + (flips ? width - 1 : 0)) * 3
          for _ in 0..<width {
            let x = column >> fixedPrecision
            let inside = row >= 0 && x >= 0 && x < width
            let start = inside ? (row * width + x) * 3 : 0
            target[offset] = inside ? source[start] : 0
            target[offset + 1] = inside ? source[start + 1] : 0
            target[offset + 2] = inside ? source[start + 2] : 0
            offset += flips ? -3 : 3
            column += columnStep
          }
        }
      }
      initialized = pixels.count
    }
    return RGBImage(width: width, height: height, pixels: result)
  }
}

/// Bits after the point of fixed-point positions.
private let fixedPrecision = 16

/// The nearest fixed-point number; far outside any image for values too large or not finite.
private func fixedPoint(_ value: Double) -> Int {
  let scaled = (value * 65536 + 0.5).rounded(.down)
  let limit = 0x1p40
  return scaled.isNaN ? Int(limit) : Int(min(max(scaled, -limit), limit))
}

/// The positions in `0 ..< limit` after each of `count` steps in fixed point, -1 for those outside.
private func fixedPositions(count: Int, step: Int, start: Int, limit: Int) -> [Int] {
  (0..<count).map { index in
    let position = (start + index * step) >> fixedPrecision
    return position >= 0 && position < limit ? position : -1
  }
}
