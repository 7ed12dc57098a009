/// How far the numbers of one layer are from those of a backbone of floats.
package struct LayerError: Equatable, Sendable {
  /// The layer: conv1 with the max-pooling behind it, or a block.
  package let layer: String
  /// The length of all differences by that of the floats' numbers; 0 where there is no difference,
  /// infinite where those are all 0.
  package let ratio: Double
}

/// The errors of an int8 backbone, layer by layer, over some images that each backbone has in its
/// own form.
///
/// - Throws: what the backbones throw.
package func layerErrors(
  of integers: IntegerBackbone, against floats: FloatBackbone,
  on images: [(bytes: [UInt8], numbers: [Float])]
) throws -> [LayerError] {
  var layers: [String] = []
  var sums: [String: (difference: Double, length: Double)] = [:]
  let (floats, integers) = (try floats.makeObservedWorker(), try integers.makeObservedWorker())
  for image in images {
    var expected: [String: [Float]] = [:]
    _ = try floats(.numbers(image.numbers)) { expected[$0] = $1() }
    _ = try integers(.bytes(image.bytes)) { layer, numbersOfLayer in
      let found = numbersOfLayer()
      guard let numbers = expected[layer], numbers.count == found.count else {
        preconditionFailure("\(layer) is not the same in both backbones")
      }
      if sums[layer] == nil { layers.append(layer) }
      var sum = sums[layer] ?? (0, 0)
      for (found, number) in zip(found, numbers) {
        let difference = Double(found - number)
        sum.difference += difference * difference
        sum.length += Double(number) * Double(number)
      }
      sums[layer] = sum
    }
  }
  return layers.map { layer in
    let (difference, length) = sums[layer] ?? (0, 0)
    return LayerError(
      layer: layer, ratio: difference == 0 ? 0 : (difference / length).squareRoot())
  }
}
