/// What heads that were blind to an image predict for it: logits [images, classes], NaN for an image
/// that was left out.
package struct OutOfSample: Sendable {
  /// How many numbers may be held: 4 GiB of floats.
  static let limit = 1 << 30

  /// The logits, image by image.
  package private(set) var logits: [Float]
  /// Whether all folds have a head whose numbers stayed in range.
  package internal(set) var isComplete = true
  private let classes: Int

  init(count: Int, _ classes: Int) {
    self.classes = classes
    logits = [Float](repeating: .nan, count: count * classes)
  }

  /// The logits of an image; nil where it was left out.
  package subscript(index: Int) -> [Double]? {
    let values = logits[index * classes..<(index + 1) * classes]
    return values.contains { $0.isNaN } ? nil : values.map(Double.init)
  }

  mutating func set(_ values: [Double], at index: Int) {
    for (place, value) in values.enumerated() { logits[index * classes + place] = Float(value) }
  }

  /// Takes what another rank has predicted.
  mutating func merge(_ other: ArraySlice<Float>) {
    for (index, value) in zip(logits.indices, other) where !value.isNaN { logits[index] = value }
  }
}
