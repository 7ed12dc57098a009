import Tensors

/// One image's shear, zoom, rotation, shift and mirror image, drawn from an ``Augmentation``.
package struct AffineParameters: Equatable, Sendable {
  /// The shear angle in degrees.
  package var shear: Double
  /// The zoom factor. In the keras preset it is that of rows, and one below 1 magnifies; in the
  /// pytorch preset it is that of both directions, and one above 1 magnifies.
  package var zoom: Double
  /// The zoom factor of columns in the keras preset; the pytorch preset does not use it.
  package var columnZoom: Double
  /// Whether the image is mirrored left to right, after all else.
  package var flips: Bool
  /// The angle of rotation in degrees, -180 to 180.
  package var rotation = 0.0
  /// How far the image is shifted, in widths and heights.
  package var shift: (x: Double, y: Double) = (0, 0)

  /// Takes the numbers as they are; see the properties.
  package init(shear: Double, zoom: Double, columnZoom: Double, flips: Bool) {
    self.shear = shear
    self.zoom = zoom
    self.columnZoom = columnZoom
    self.flips = flips
  }

  /// Draws shear, zoom and mirror image; rotation and shift are operations.
  ///
  /// Exactly four numbers are taken, in the order of the properties, whatever the settings and the
  /// preset: changing one setting leaves the others' draws as they were.
  package init(_ augmentation: Augmentation, random: inout CounterRandom) {
    shear = random.uniform(-augmentation.shear, augmentation.shear)
    zoom = random.uniform(1 - augmentation.zoom, 1 + augmentation.zoom)
    columnZoom = random.uniform(1 - augmentation.zoom, 1 + augmentation.zoom)
    flips = random.unit() < augmentation.horizontalFlip
  }

  package static func == (first: Self, second: Self) -> Bool {
    (first.shear, first.zoom, first.columnZoom, first.flips, first.rotation)
      == (second.shear, second.zoom, second.columnZoom, second.flips, second.rotation)
      && first.shift == second.shift
  }

  var shearSine: Double { sine(shear) }
  var shearCosine: Double { cosine(shear) }
}

extension AugmentationOperation {
  static let rotation = Self(
    name: "rotation", stream: 1, placeholder: "DEGREES", limits: [0...180],
    help: "largest angle of rotation"
  ) { numbers, random in
    let angle = random.uniform(-numbers[0], numbers[0])
    return .affine { $0.rotation = angle }
  }

  static let translation = Self(
    name: "translation", stream: 2, placeholder: "X", limits: [0...1],
    help: "largest shift, as a fraction of width and height"
  ) { numbers, random in
    let x = random.uniform(-numbers[0], numbers[0])
    let y = random.uniform(-numbers[0], numbers[0])
    return .affine { $0.shift = (x, y) }
  }
}

/// The sine of an angle in degrees, by its power series to about one unit in the last place of 1.
///
/// The mathematics library of another host may round the last bit otherwise, and a pixel's value
/// must not show on which host it was computed.
func sine(_ degrees: Double) -> Double {
  let radians = degrees * (Double.pi / 180)
  let square = radians * radians
  var series = 1.0
  for k in stride(from: 24, to: 0, by: -2) { series = 1 - series * square / Double(k * (k + 1)) }
  return radians * series
}

/// The cosine of an angle in degrees, in the same way.
func cosine(_ degrees: Double) -> Double {
  let radians = degrees * (Double.pi / 180)
  let square = radians * radians
  var series = 1.0
  for k in stride(from: 24, to: 0, by: -2) { series = 1 - series * square / Double(k * (k - 1)) }
  return series
}
