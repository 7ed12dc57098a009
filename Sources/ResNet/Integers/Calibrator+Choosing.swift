import Kernels
import ResNetWeights

// How the scale of one layer is chosen.
extension Calibrator {
  /// A convolution whose words are part of a layer's.
  struct Term {
    let name: String
    let layer: FoldedConvolution
    let inputScale: Double
    /// The least scale that its sums allow.
    let least: Double
    /// The largest real number that can leave it.
    let most: Double

    init(_ name: String, _ layer: FoldedConvolution, inputScale: Double) {
      self.name = name
      self.layer = layer
      self.inputScale = inputScale
      let units = Quantisation.units(layer, inputScale: inputScale)
      least = Quantisation.leastScale(units, inputScale: inputScale)
      var sums = layer.bias.map { Double(abs($0)) }
      let outputs = layer.shape.outputs
      for (index, weight) in layer.weights.enumerated() {
        sums[index % outputs] += 255 * inputScale * Double(abs(weight))
      }
      most = sums.max() ?? 0
    }
  }

  /// A layer's convolutions packed for one unit of its output.
  struct Trial {
    let arrays: [PackedArrays]
    let unit: Double

    subscript(_ index: Int) -> PackedArrays { arrays[index] }
  }

  /// The best scale of the layer `name`.
  ///
  /// - Parameters:
  ///   - terms: the convolutions that are added.
  ///   - shortcut: the largest number that is added besides.
  ///   - least: what the scale must be at least for other reasons than the sums.
  ///   - words: computes the words of one image.
  func scale(
    of name: String, _ terms: [Term], shortcut: Double = 0, least: Double = 0,
    _ words: (Trial, _ index: Int) throws -> IntegerMap
  ) throws -> Double {
    let least = terms.map(\.least).reduce(least, max)
    func count(_ unit: Double, _ indices: [Int]) throws -> WordCounts {
      let trial = Trial(
        arrays: try terms.map { try pack($0, outputScale: unit) },
        unit: unit)
      var counts = WordCounts(unit: unit / 64)
      for index in indices {
        engine.count(try words(trial, index), into: &counts.counts, workspace)
      }
      return counts
    }
    // A unit with which nothing can be clipped; then one by which the few images looked at use a
    // quarter of the words' range, because others may go beyond them.
    let widest = max(terms.map(\.most).reduce(shortcut, +) / 511, least)
    let few = Array(images.indices.prefix(4))
    let preliminary = max(try count(widest, few).largest * 2 / 255, least, widest / 0x1p13)
    let counts = try count(preliminary, Array(images.indices))
    let best = counts.bestScale
    let chosen = max(best, least)
    guard Calibration.usable.contains(chosen), least <= 4 * best || counts.largest == 0 else {
      throw BackboneError.cannotQuantise(name, source.path)
    }
    return chosen
  }

  func folded(_ convolution: BackboneNetwork.Convolution) throws -> FoldedConvolution {
    try network.folded(convolution, from: source, normalisation)
  }

  func pack(_ term: Term, outputScale: Double) throws -> PackedArrays {
    guard
      let quantised = Quantisation.quantise(
        term.layer, inputScale: term.inputScale, outputScale: outputScale)
    else { throw BackboneError.cannotQuantise(term.name, source.path) }
    var layout = PackedLayout(kernels: engine.path.rawValue)
    let count = term.layer.shape.packedBytes(engine.path)
    _ = layout.add("weights", UInt8.self, count: count)
    return try PackedArrays(layout) { bytes in
      quantised.pack(
        for: engine.path, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
    }
  }
}
