public import Tensors

extension RGBImage {
  /// The picture with `width` columns and `height` rows, resampled by a triangle filter that widens
  /// when it shrinks (bilinear with antialiasing).
  ///
  /// Columns are resampled first, then rows, with values rounded to 8 bits between and after; rows
  /// come first where that saves much work. The pixels are those of `resize` with `BILINEAR` of the
  /// Pillow library, version 13; earlier versions always begin with the columns, and differ by at most
  /// one level where the order does.
  /// - Precondition: `width` and `height` are positive.
  public func resizedBilinear(width newWidth: Int, height newHeight: Int) -> RGBImage {
    let rowsFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
    return rowsFirst
      ? resamplingRows(newHeight).resamplingColumns(newWidth)
      : resamplingColumns(newWidth).resamplingRows(newHeight)
  }

  // The two loops below take most of the time of preparing a picture. They read and write through
  // buffer pointers since checks of every index make them three times as slow; the filter's ranges
  // end inside the picture by construction.

  private func resamplingColumns(_ newWidth: Int) -> RGBImage {
    guard newWidth != width else { return self }
    let filter = ResizeFilter(from: width, to: newWidth)
    let byteCount = newWidth * height * 3
    let result = [UInt8](unsafeUninitializedCapacity: byteCount) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        for row in 0..<height {
          resampleRow(
            UnsafeBufferPointer(rebasing: source[row * width * 3..<(row + 1) * width * 3]),
            UnsafeMutableBufferPointer(
              rebasing: target[row * newWidth * 3..<(row + 1) * newWidth * 3]),
            filter)
        }
      }
      initialized = byteCount
    }
    return RGBImage(width: newWidth, height: height, pixels: result)
  }

  private func resamplingRows(_ newHeight: Int) -> RGBImage {
    guard newHeight != height else { return self }
    let filter = ResizeFilter(from: height, to: newHeight)
    let rowBytes = width * 3
    let byteCount = newHeight * rowBytes
    let result = [UInt8](unsafeUninitializedCapacity: byteCount) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: rowBytes) { sums in
          for row in 0..<newHeight {
            sums.initialize(repeating: rounding)
            for tap in 0..<filter.counts[row] {
              let start = (filter.starts[row] + tap) * rowBytes
              let weight = filter.weights[row * filter.stride + tap]
              for place in 0..<rowBytes {
                sums[place] &+= Int32(source[start + place]) &* weight
              }
            }
            for place in 0..<rowBytes {
              target[row * rowBytes + place] = rounded(sums[place])
            }
          }
        }
      }
      initialized = byteCount
    }
    return RGBImage(width: width, height: newHeight, pixels: result)
  }
}

/// Half of the last bit that stays, so that cutting the rest off rounds to the nearest.
private let rounding: Int32 = 1 << (ResizeFilter.precision - 1)

/// The 8-bit value of a sum of weighted values; weights that were rounded up may exceed 255 in sum.
@inline(__always)
private func rounded(_ sum: Int32) -> UInt8 {
  UInt8(truncatingIfNeeded: min(sum &>> ResizeFilter.precision, 255))
}

/// Resamples one row of R, G, B bytes.
@inline(__always)
private func resampleRow(
  _ source: UnsafeBufferPointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>,
  _ filter: ResizeFilter
) {
  filter.weights.withUnsafeBufferPointer { weights in
    for new in 0..<filter.starts.count {
      var (red, green, blue) = (rounding, rounding, rounding)
      var place = filter.starts[new] * 3
      for tap in 0..<filter.counts[new] {
        let weight = weights[new * filter.stride + tap]
        red &+= Int32(source[place]) &* weight
        green &+= Int32(source[place + 1]) &* weight
        blue &+= Int32(source[place + 2]) &* weight
        place += 3
      }
      target[new * 3] = rounded(red)
      target[new * 3 + 1] = rounded(green)
      target[new * 3 + 2] = rounded(blue)
    }
  }
}
