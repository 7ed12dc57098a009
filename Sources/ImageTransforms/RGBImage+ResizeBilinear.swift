import Tensors

extension RGBImage {
  /// The image with `width` columns and `height` rows, resampled by a triangle filter that widens
  /// when it shrinks (bilinear with antialiasing).
  ///
  /// Columns are resampled first, then rows, with values rounded to 8 bits between and after; rows
  /// come first where that saves much work. The pixels are those of `resize` with `BILINEAR` of the
  /// Pillow library, version 13; earlier versions always begin with the columns, and differ by at
  /// most one level where the order does. Of the result only the part in `columns` and `rows` is
  /// computed, nil for all of it.
  /// - Precondition: `width` and `height` are positive, the ranges in them and not empty.
  package func resizedBilinear(
    width newWidth: Int, height newHeight: Int, columns: Range<Int>? = nil, rows: Range<Int>? = nil
  ) -> RGBImage {
    let (columns, rows) = (columns ?? 0..<newWidth, rows ?? 0..<newHeight)
    let rowsFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
    return rowsFirst
      ? resamplingRows(newHeight, rows).resamplingColumns(newWidth, columns)
      : resamplingColumns(newWidth, columns).resamplingRows(newHeight, rows)
  }

  /// The image resized by the filter of `preset`; of the result only `columns` and `rows`.
  func resized(
    _ preset: Preset, width: Int, height: Int, columns: Range<Int>, rows: Range<Int>
  ) -> RGBImage {
    switch preset {
    case .pytorch: resizedBilinear(width: width, height: height, columns: columns, rows: rows)
    case .keras: resizedNearest(width: width, height: height, columns: columns, rows: rows)
    }
  }

  // The two loops below take most of the time of preparing an image. They read and write through
  // buffer pointers since checks of every index make them three times as slow; the filter's ranges
  // end inside the image by construction.

  private func resamplingColumns(_ fullWidth: Int, _ columns: Range<Int>) -> RGBImage {
    guard columns != 0..<width || fullWidth != width else { return self }
    let filter = ResizeFilter(from: width, to: fullWidth, columns)
    let newWidth = columns.count
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

  private func resamplingRows(_ fullHeight: Int, _ rows: Range<Int>) -> RGBImage {
    guard rows != 0..<height || fullHeight != height else { return self }
    let filter = ResizeFilter(from: height, to: fullHeight, rows)
    let newHeight = rows.count
    let rowBytes = width * 3
    let byteCount = newHeight * rowBytes
    let result = [UInt8](unsafeUninitializedCapacity: byteCount) { target, initialized in
      pixels.withUnsafeBufferPointer { source in
        for row in 0..<newHeight {
          mixRows(
            source, from: filter.starts[row] * rowBytes,
            UnsafeMutableBufferPointer(rebasing: target[row * rowBytes..<(row + 1) * rowBytes]),
            weights: filter.weights(row))
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
      var offset = filter.starts[new] * 3
      for tap in 0..<filter.counts[new] {
        let weight = weights[new * filter.stride + tap]
        red &+= Int32(source[offset]) &* weight
        green &+= Int32(source[offset + 1]) &* weight
        blue &+= Int32(source[offset + 2]) &* weight
        offset += 3
      }
      target[new * 3] = rounded(red)
      target[new * 3 + 1] = rounded(green)
      target[new * 3 + 2] = rounded(blue)
    }
  }
}

/// Mixes one row of bytes from as many rows as there are weights, the first one at `start`.
@inline(__always)
private func mixRows(
  _ source: UnsafeBufferPointer<UInt8>, from start: Int,
  _ target: UnsafeMutableBufferPointer<UInt8>, weights: ArraySlice<Int32>
) {
  let byteCount = target.count
  weights.withUnsafeBufferPointer { weights in
    var column = 0
    while column + 8 <= byteCount {
      let bytes = UnsafeRawBufferPointer(source)
      var sums = EightSums()
      for (tap, weight) in weights.enumerated() {
        let offset = start + tap * byteCount + column
        sums.add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), weight)
      }
      UnsafeMutableRawBufferPointer(target).storeBytes(
        of: sums.rounded, toByteOffset: column, as: UInt64.self)
      column += 8
    }
    for column in column..<byteCount {
      var sum = rounding
      for (tap, weight) in weights.enumerated() {
        sum &+= Int32(source[start + tap * byteCount + column]) &* weight
      }
      target[column] = rounded(sum)
    }
  }
}

/// The weighted sums of eight neighbouring bytes, two in each 64-bit number: one multiplication
/// does for both since no sum exceeds 32 bits. Processors of the oldest kind that we compile for
/// have no multiplication of 32-bit vectors; this is twice as fast as one number at a time.
private struct EightSums {
  private static let halves: UInt64 = 0x0000_00FF_0000_00FF
  private var sums = SIMD4<UInt64>(repeating: UInt64(rounding) << 32 | UInt64(rounding))

  @inline(__always)
  mutating func add(_ bytes: UInt64, _ weight: Int32) {
    let weight = UInt64(UInt32(bitPattern: weight))
    sums[0] &+= (bytes & Self.halves) &* weight
    sums[1] &+= (bytes &>> 8 & Self.halves) &* weight
    sums[2] &+= (bytes &>> 16 & Self.halves) &* weight
    sums[3] &+= (bytes &>> 24 & Self.halves) &* weight
  }

  /// The eight 8-bit values, in the order of the bytes.
  var rounded: UInt64 {
    @inline(__always) get {
      Self.rounded(sums[0]) | Self.rounded(sums[1]) &<< 8 | Self.rounded(sums[2]) &<< 16
        | Self.rounded(sums[3]) &<< 24
    }
  }

  /// Both values of a pair. Weights that were rounded up may give 256, which becomes 255.
  @inline(__always)
  private static func rounded(_ pair: UInt64) -> UInt64 {
    let values = pair &>> UInt64(ResizeFilter.precision) & 0x0000_01FF_0000_01FF
    return values &- (values &>> 8 & 0x0000_0001_0000_0001)
  }
}
