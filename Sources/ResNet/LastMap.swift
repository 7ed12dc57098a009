import ResNetWeights

/// What leaves the feature layer for one image, and the features that are its channel means.
package struct LastMap: Equatable, Sendable {
  /// The feature vector, the same bits as a ``BackboneWorker``'s.
  package let features: [Float]
  /// Cell by cell, rows from the top, channels innermost.
  package let numbers: [Float]

  /// - Precondition: `numbers` holds whole cells, at least one.
  package init(features: [Float], numbers: [Float]) {
    precondition(!numbers.isEmpty && numbers.count.isMultiple(of: features.count))
    (self.features, self.numbers) = (features, numbers)
  }

  /// How many cells the map has, all rows together.
  package var cells: Int { numbers.count / features.count }
}

/// An image to its features and the map behind them; throws as a ``BackboneWorker``.
package typealias LastMapWorker = (BackboneInput) throws -> LastMap

extension Backbone {
  /// A function for one thread that computes the last map of one image beside its features. The map
  /// of an int8 backbone is in real numbers, too.
  ///
  /// - Throws: an `OutOfMemory`.
  package func makeLastMapWorker() throws -> LastMapWorker {
    let worker = try makeObservedWorker()
    let last = network.stages.last?.last?.name
    return { input in
      var numbers: [Float] = []
      let features = try worker(input) { layer, read in if layer == last { numbers = read() } }
      return LastMap(features: features, numbers: numbers)
    }
  }
}
