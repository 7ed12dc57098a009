import Kernels
import Tensors

/// The formulas by which a convolution of floats becomes one of whole numbers; `docs/int8.md` has them
/// in words. In double precision, whose results are the same on every processor.
enum Quantisation {
  /// Fraction bits of a word, and of a multiplier.
  private static let wordBits = 6
  private static let multiplierBits = 15
  private static let mostShift = 24
  /// The largest bias.
  private static let mostBias = 0x1p24
  /// The largest ratio of a sum's unit to an activation's: with shift 0 and multiplier 32767.
  private static let mostRatio = 32767.0 / 0x1p21
  /// The bits of a shortcut's ratio behind the point.
  private static let shortcutBits = 14

  /// The whole number that stands for the ratio of a shortcut's unit to the output's.
  ///
  /// - Precondition: the ratio is at most ``mostShortcut``.
  static func shortcut(_ ratio: Double) -> Int {
    let number = (ratio * Double(1 << shortcutBits)).rounded()
    precondition((0...32767).contains(number))
    return Int(number)
  }

  /// The largest ratio of a shortcut's unit to the output's.
  static let mostShortcut = 32767.0 / Double(1 << shortcutBits)

  /// What one unit of each output's weights stands for.
  static func units(_ layer: FoldedConvolution, inputScale: Double) -> [Double] {
    let outputs = layer.shape.outputs
    var largest = [Float](repeating: 0, count: outputs)
    layer.weights.withUnsafeBufferPointer { weights in
      for row in 0..<layer.shape.depth {
        for output in 0..<outputs {
          largest[output] = max(largest[output], abs(weights[row * outputs + output]))
        }
      }
    }
    return zip(largest, layer.bias).map { weight, bias in
      max(Double(weight) / 127, Double(abs(bias)) / (inputScale * mostBias), 0x1p-200)
    }
  }

  /// The least scale of a layer's outputs that its sums allow.
  static func leastScale(_ units: [Double], inputScale: Double) -> Double {
    (units.max() ?? 0) * inputScale / mostRatio * aLittleMore
  }

  /// The least scale of a block's outputs that its shortcut allows, if that has no convolution.
  static func leastScale(ofShortcut inputScale: Double) -> Double {
    inputScale / mostShortcut * aLittleMore
  }

  /// So that the quotient by a least scale does not exceed its bound in the last bit.
  private static let aLittleMore = 1 + 0x1p-40

  /// The layer in whole numbers; nil if its sums could leave 32 bits, or an output its range.
  ///
  /// - Parameters:
  ///   - inputScale: what an activation of 1 of its input stands for.
  ///   - outputScale: the same of its output.
  static func quantise(
    _ layer: FoldedConvolution, inputScale: Double, outputScale: Double
  ) -> QuantisedConvolution? {
    let (shape, units) = (layer.shape, units(layer, inputScale: inputScale))
    var outputs: [QuantisedConvolution.Requantisation] = []
    for (unit, bias) in zip(units, layer.bias) {
      let ratio = unit * inputScale / outputScale
      guard ratio <= mostRatio else { return nil }
      var shift = 0
      while shift < mostShift, ratio * Double(1 << (shift + 1)) <= mostRatio { shift += 1 }
      let multiplier = ratio * Double(1 << (shift + wordBits + multiplierBits))
      outputs.append(
        QuantisedConvolution.Requantisation(
          bias: Int32((Double(bias) / (unit * inputScale)).rounded()), shift: Int32(shift),
          multiplier: Int16(multiplier.rounded())))
    }
    return QuantisedConvolution(
      shape: shape, weights: weights(layer, units: units), outputs: outputs)
  }

  /// The weights in their units, from [row][column][input][output] to [output][row][column][input].
  private static func weights(_ layer: FoldedConvolution, units: [Double]) -> [Int8] {
    let (depth, outputs) = (layer.shape.depth, layer.shape.outputs)
    return [Int8](unsafeUninitializedCapacity: depth * outputs) { weights, count in
      layer.weights.withUnsafeBufferPointer { values in
        for output in 0..<outputs {
          let unit = units[output]
          for row in 0..<depth {
            weights[output * depth + row] = Int8(
              (Double(values[row * outputs + output]) / unit).rounded())
          }
        }
      }
      count = depth * outputs
    }
  }
}

extension FoldedConvolution {
  /// conv1 for pixel values in place of normalised ones.
  func takingBytes(_ normalisation: Normalisation) -> FoldedConvolution {
    let (mean, std) = (normalisation.mean.elements, normalisation.std.elements)
    let outputs = shape.outputs
    var scaled = weights
    var offsets = bias.map(Double.init)
    for row in 0..<shape.depth {
      let channel = row % shape.inputs
      let factor = normalisation.scale / std[channel]
      let offset = -mean[channel] / std[channel]
      for index in row * outputs..<(row + 1) * outputs {
        let weight = Double(weights[index])
        scaled[index] = Float(weight * factor)
        offsets[index % outputs] += weight * offset
      }
    }
    return FoldedConvolution(shape: shape, weights: scaled, bias: offsets.map { Float($0) })
  }
}
