import Tensors

/// Pillow's `ImageEnhance`, `ImageOps` and its conversion to HSV, to the bit.
extension RGBImage {
  /// The image with every value replaced by what stands for it in `table`, or in the table of its
  /// channel.
  private func mapped(_ tables: [[UInt8]]) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      for (channel, table) in (tables.count == 1 ? [tables[0], tables[0], tables[0]] : tables)
        .enumerated()
      {
        table.withUnsafeBufferPointer { table in
          for offset in stride(from: channel, to: pixels.count, by: 3) {
            pixels[offset] = table[Int(pixels[offset])]
          }
        }
      }
    }
    return result
  }

  /// The image with every pixel replaced.
  private func mappingPixels(
    _ body: (_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> (UInt8, UInt8, UInt8)
  ) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      for offset in stride(from: 0, to: pixels.count, by: 3) {
        (pixels[offset], pixels[offset + 1], pixels[offset + 2]) = body(
          pixels[offset], pixels[offset + 1], pixels[offset + 2])
      }
    }
    return result
  }

  func brightness(_ factor: Double) -> RGBImage {
    let factor = Float(factor)
    return mapped([(0...255).map { blend(0, $0, factor) }])
  }

  /// Away from the mean grey, or towards it.
  func contrast(_ factor: Double) -> RGBImage {
    var sum = 0
    for offset in stride(from: 0, to: pixels.count, by: 3) {
      sum += Int(grey(pixels[offset], pixels[offset + 1], pixels[offset + 2]))
    }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    let factor = Float(factor)
    return mapped([(0...255).map { blend(mean, $0, factor) }])
  }

  func saturation(_ factor: Double) -> RGBImage {
    let factor = Float(factor)
    return mappingPixels { red, green, blue in
      let grey = grey(red, green, blue)
      return (blend(grey, red, factor), blend(grey, green, factor), blend(grey, blue, factor))
    }
  }

  var greyscale: RGBImage {
    mappingPixels { red, green, blue in
      let grey = grey(red, green, blue)
      return (grey, grey, grey)
    }
  }

  /// The hue shifted by a part of the circle, -0.5 to 0.5.
  func hue(_ shift: Double) -> RGBImage {
    let shift = UInt8(truncatingIfNeeded: Int(shift * 255))
    return mappingPixels { red, green, blue in
      var colour = HSV(red, green, blue)
      colour.hue &+= shift
      return colour.rgb
    }
  }

  /// Away from a smoothed image, or towards it. The outermost pixels are not smoothed.
  func sharpness(_ factor: Double) -> RGBImage {
    let factor = Float(factor)
    guard width > 2, height > 2 else { return self }
    var result = self
    let row = width * 3
    pixels.withUnsafeBufferPointer { source in
      result.pixels.withUnsafeMutableBufferPointer { target in
        for y in 1..<height - 1 {
          for offset in y * row + 3..<(y + 1) * row - 3 {
            var sum = 4 * Int(source[offset])
            for line in stride(from: offset - row, through: offset + row, by: row) {
              sum += Int(source[line - 3]) + Int(source[line]) + Int(source[line + 3])
            }
            target[offset] = blend(UInt8((2 * sum + 13) / 26), source[offset], factor)
          }
        }
      }
    }
    return result
  }

  /// The upper `bits` of all values.
  func posterized(_ bits: Int) -> RGBImage {
    let mask = UInt8(truncatingIfNeeded: ~0 << (8 - bits))
    return mapped([(0...255).map { $0 & mask }])
  }

  /// The values from `threshold` on inverted.
  func solarized(_ threshold: Double) -> RGBImage {
    mapped([(0...255).map { Double($0) < threshold ? $0 : 255 - $0 }])
  }

  /// Every channel stretched over all values.
  var autoContrast: RGBImage {
    mapped(
      histograms.map { histogram in
        let low = histogram.firstIndex { $0 > 0 } ?? 0
        let high = histogram.lastIndex { $0 > 0 } ?? 0
        let scale = high > low ? 255 / Double(high - low) : 1
        let offset = high > low ? -Double(low) * scale : 0
        return (0...255).map { UInt8(max(0, min(255, (Double($0) * scale + offset)))) }
      })
  }

  /// Every channel with about as many pixels of each value.
  var equalized: RGBImage {
    mapped(
      histograms.map { histogram in
        let last = histogram.last { $0 > 0 } ?? 0
        let step = (width * height - last) / 255
        guard step > 0 else { return Array(0...255) }
        var sum = step / 2
        return histogram.map { count in
          defer { sum += count }
          return UInt8(min(255, sum / step))
        }
      })
  }

  private var histograms: [[Int]] {
    (0..<3).map { channel in
      var counts = [Int](repeating: 0, count: 256)
      for offset in stride(from: channel, to: pixels.count, by: 3) {
        counts[Int(pixels[offset])] += 1
      }
      return counts
    }
  }
}

/// Between two values, or beyond the second.
@inline(__always)
private func blend(_ first: UInt8, _ second: UInt8, _ factor: Float) -> UInt8 {
  let value = Float(first) + factor * Float(Int(second) - Int(first))
  return UInt8(max(0, min(255, value)))
}

/// ITU-R 601-2 luma.
@inline(__always)
private func grey(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
  let sum: Int32 = Int32(red) * 19595 + Int32(green) * 38470 + Int32(blue) * 7471
  return UInt8((sum + 0x8000) >> 16)
}

/// Hue, saturation and value, each of 8 bits. Where C's arithmetic is of doubles, it is here.
private struct HSV {
  var hue: UInt8 = 0
  var saturation: UInt8 = 0
  var value: UInt8

  @inline(__always)
  init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    value = max(red, green, blue)
    let least = min(red, green, blue)
    guard value != least else { return }
    let range = Float(value - least)
    let (r, g, b) = (
      Float(value - red) / range, Float(value - green) / range, Float(value - blue) / range
    )
    let sixth: Float =
      red == value
      ? b - g
      : green == value
        ? Float(2 + Double(r) - Double(b)) : Float(4 + Double(g) - Double(r))
    let turn = Double(sixth) / 6 + 1
    hue = UInt8(Double(Float(turn >= 1 ? turn - 1 : turn)) * 255)
    saturation = UInt8(Double(range / Float(value)) * 255)
  }

  var rgb: (UInt8, UInt8, UInt8) {
    @inline(__always) get {
      guard saturation > 0 else { return (value, value, value) }
      let sixths = Double(hue) * 6 / 255
      let sector = sixths.rounded(.down)
      let rest = Float(sixths - sector)
      let share = Float(Double(saturation) / 255)
      func part(_ factor: Double) -> UInt8 {
        UInt8(max(0, min(255, (Double(value) * (1 - factor)).rounded())))
      }
      let (p, q) = (part(Double(share)), part(Double(share * rest)))
      let t = part(Double(share) * (1 - Double(rest)))
      switch Int(sector) % 6 {
      case 0: return (value, t, p)
      case 1: return (q, value, p)
      case 2: return (p, value, t)
      case 3: return (p, q, value)
      case 4: return (t, p, value)
      default: return (value, p, q)
      }
    }
  }
}
