import Tensors

/// How strongly training images are varied.
package struct Augmentation: Codable, Equatable, Sendable {
  /// The largest shear angle to either side, in degrees, 0 up to (not including) 90.
  package var shear: Double
  /// The largest deviation of a zoom factor from 1, from 0 up to (not including) 1.
  package var zoom: Double
  /// How often images are mirrored, a probability from 0 to 1.
  package var horizontalFlip: Double

  /// Takes the numbers as they are; see the properties for their ranges.
  package init(shear: Double, zoom: Double, horizontalFlip: Double) {
    self.shear = shear
    self.zoom = zoom
    self.horizontalFlip = horizontalFlip
  }
}

/// One image's variation, drawn from an ``Augmentation``.
package struct AffineParameters: Equatable, Sendable {
  /// The shear angle in degrees.
  package var shear: Double
  /// The zoom factor. In the keras preset it is that of rows, and one below 1 magnifies; in the
  /// pytorch preset it is that of both directions, and one above 1 magnifies.
  package var zoom: Double
  /// The zoom factor of columns in the keras preset; the pytorch preset does not use it.
  package var columnZoom: Double
  /// Whether the image is mirrored left to right, after shear and zoom.
  package var flips: Bool

  /// Takes the numbers as they are; see the properties.
  package init(shear: Double, zoom: Double, columnZoom: Double, flips: Bool) {
    self.shear = shear
    self.zoom = zoom
    self.columnZoom = columnZoom
    self.flips = flips
  }

  /// Draws a variation.
  ///
  /// Exactly four numbers are taken, in the order of the properties, whatever the settings and the
  /// preset: changing one setting leaves the others' draws as they were.
  package init(_ augmentation: Augmentation, random: inout CounterRandom) {
    shear = random.uniform(-augmentation.shear, augmentation.shear)
    zoom = random.uniform(1 - augmentation.zoom, 1 + augmentation.zoom)
    columnZoom = random.uniform(1 - augmentation.zoom, 1 + augmentation.zoom)
    flips = random.unit() < augmentation.horizontalFlip
  }

}

extension AffineParameters {
  private var radians: Double { shear * (Double.pi / 180) }

  /// The shear angle's sine, by its power series to about one unit in the last place of 1.
  ///
  /// The mathematics library of another host may round the last bit otherwise, and a pixel's value
  /// must not show on which host it was computed.
  var shearSine: Double {
    let square = radians * radians
    var series = 1.0
    for k in stride(from: 24, to: 0, by: -2) { series = 1 - series * square / Double(k * (k + 1)) }
    return radians * series
  }

  /// Its cosine, in the same way.
  var shearCosine: Double {
    let square = radians * radians
    var series = 1.0
    for k in stride(from: 24, to: 0, by: -2) { series = 1 - series * square / Double(k * (k - 1)) }
    return series
  }
}
