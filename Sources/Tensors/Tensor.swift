/// A dense array of numbers with a shape, in row-major order.
///
/// `values.count` always equals the product of `shape`; a scalar has the empty shape and one value.
package struct Tensor<Element: Sendable>: Sendable {
  /// The extent of each dimension, outermost first.
  package let shape: [Int]
  /// The elements, the last dimension varying fastest.
  package var values: [Element]

  /// Makes a tensor of `shape` that holds `values`.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  package init(shape: [Int], values: [Element]) {
    precondition(shape.reduce(1, *) == values.count, "shape \(shape) holds \(values.count) values")
    self.shape = shape
    self.values = values
  }
}

extension Tensor: Equatable where Element: Equatable {}
