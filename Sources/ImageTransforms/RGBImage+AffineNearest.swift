import Tensors

extension RGBImage {
  /// Shears, zooms, rotates, shifts and mirrors as the pytorch preset does: each pixel is a copy of the
  /// one that its centre comes from, black where that lies outside.
  ///
  /// The map is torchvision's `affine` about the image's centre: (x, y) comes from
  /// `1 / zoom * [[1, tan shear], [0, 1]] R (x - shift)`, R the inverse of the clockwise rotation.
  func affineNearest(_ parameters: AffineParameters) -> RGBImage {
    let zoom = parameters.zoom
    let tangent = parameters.shearSine / parameters.shearCosine
    let (sine, cosine) = (sine(parameters.rotation), cosine(parameters.rotation))
    let (x, y) = (Double(width) * 0.5, Double(height) * 0.5)
    let shiftX = (parameters.shift.x * Double(width)).rounded(.toNearestOrEven)
    let shiftY = (parameters.shift.y * Double(height)).rounded(.toNearestOrEven)
    var matrix = [
      (-sine * tangent + cosine) / zoom, (cosine * tangent + sine) / zoom, 0, -sine / zoom,
      cosine / zoom, 0,
    ]
    matrix[2] = matrix[0] * (-x - shiftX) + matrix[1] * (-y - shiftY) + x
    matrix[5] = matrix[3] * (-x - shiftX) + matrix[4] * (-y - shiftY) + y
    return transformed(matrix, flips: parameters.flips)
  }

  /// The image whose pixel (x, y) is ours at `(m0 x + m1 y + m2, m3 x + m4 y + m5)`, both measured at
  /// centres; black outside, mirrored at last.
  ///
  /// It is evaluated as the Pillow library's `transform` evaluates it, in steps of 16 bits after the
  /// point, so that the same pixels are met.
  func transformed(_ matrix: [Double], flips: Bool = false) -> RGBImage {
    guard matrix[1] != 0 || matrix[3] != 0 else {
      // Here Pillow takes another way, which rounds differently.
      let columns = positionsByStepping(
        0..<width, step: matrix[0], start: matrix[2], limit: width)
      let rows = positionsByStepping(0..<height, step: matrix[4], start: matrix[5], limit: height)
      return copyingPixels(columns: flips ? columns.reversed() : columns, rows: rows)
    }
    let first = (
      fixedPoint(matrix[2] + matrix[0] * 0.5 + matrix[1] * 0.5),
      fixedPoint(matrix[5] + matrix[3] * 0.5 + matrix[4] * 0.5)
    )
    let steps = [0, 1, 3, 4].map { fixedPoint(matrix[$0]) }
    let (columnX, rowX, columnY, rowY) = (steps[0], steps[1], steps[2], steps[3])
    // The inner loop runs for every pixel; every index is checked by the conditions in it.
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        for line in 0..<height {
          var (x, y) = (first.0 + line * rowX, first.1 + line * rowY)
          var offset = (line * width + (flips ? width - 1 : 0)) * 3
          for _ in 0..<width {
            let (column, row) = (x >> fixedPrecision, y >> fixedPrecision)
            let inside = row >= 0 && row < height && column >= 0 && column < width
            let start = inside ? (row * width + column) * 3 : 0
            target[offset] = inside ? source[start] : 0
            target[offset + 1] = inside ? source[start + 1] : 0
            target[offset + 2] = inside ? source[start + 2] : 0
            offset += flips ? -3 : 3
            x += columnX
            y += columnY
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
