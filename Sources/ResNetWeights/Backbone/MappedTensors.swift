import FileIO
import Tensors

/// How one tensor is made of those of another source.
package enum TensorRecipe: Sendable {
  /// The tensor of that name as it is.
  case same(String)
  /// A convolution kernel, from Keras' height, width, input, output to output, input, height,
  /// width.
  case convolution(String)
  /// The matrix of a dense layer, from Keras' input, output to output, input.
  case transposed(String)
  /// The first tensor minus the second one: a running mean with a convolution's bias folded in.
  case difference(String, String)
  /// The same number everywhere.
  case constant(Float, shape: [Int])
}

/// Tensors under other names and in another layout than the source has them.
package struct MappedTensors: TensorSource {
  package let names: [String]
  package let metadata: [String: String]
  private let source: any TensorSource
  private let recipes: [String: TensorRecipe]

  package init(_ source: any TensorSource, _ recipes: [String: TensorRecipe]) {
    self.source = source
    self.recipes = recipes
    names = sortedByBytes(recipes.keys)
    metadata = source.metadata
  }

  package var path: String { source.path }

  package func shape(of name: String) -> [Int]? {
    switch recipes[name] {
    case .same(let original)?, .difference(let original, _)?:
      source.shape(of: original)
    case .convolution(let original)?:
      source.shape(of: original).map { $0.count == 4 ? [$0[3], $0[2], $0[0], $0[1]] : $0 }
    case .transposed(let original)?:
      source.shape(of: original).map { $0.reversed() }
    case .constant(_, let shape)?: shape
    case nil: nil
    }
  }

  package func elementType(of name: String) -> ElementType? {
    switch recipes[name] {
    case .same(let original)?, .difference(let original, _)?, .convolution(let original)?,
      .transposed(let original)?:
      source.elementType(of: original)
    case .constant?: .float32
    case nil: nil
    }
  }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let recipe = recipes[name] else { throw .missingTensor(name, in: path) }
    switch recipe {
    case .same(let original): return try source.floats(original)
    case .convolution(let original): return try convolution(original)
    case .transposed(let original): return try transposed(original)
    case .difference(let first, let second): return try difference(first, second)
    case .constant(let value, let shape):
      return Tensor(
        shape: shape, values: [Float](repeating: value, count: elementCount(shape) ?? 0))
    }
  }

  private func convolution(_ name: String) throws(FileError) -> Tensor<Float> {
    let tensor = try source.floats(name)
    let shape = tensor.shape
    guard shape.count == 4 else { throw misshapen(name, shape, "four") }
    let (area, inputs, outputs) = (shape[0] * shape[1], shape[2], shape[3])
    // Without elements the other extents may be anything.
    if tensor.values.isEmpty {
      return Tensor(shape: [outputs, inputs, shape[0], shape[1]], values: [])
    }
    var values: [Float] = []
    values.reserveCapacity(tensor.values.count)
    for output in 0..<outputs {
      for input in 0..<inputs {
        for tap in 0..<area {
          values.append(tensor.values[(tap * inputs + input) * outputs + output])
        }
      }
    }
    return Tensor(shape: [outputs, inputs, shape[0], shape[1]], values: values)
  }

  private func transposed(_ name: String) throws(FileError) -> Tensor<Float> {
    let tensor = try source.floats(name)
    guard tensor.shape.count == 2 else { throw misshapen(name, tensor.shape, "two") }
    return transpose(tensor)
  }

  private func difference(
    _ first: String, _ second: String
  ) throws(FileError) -> Tensor<Float> {
    let left = try source.floats(first)
    let right = try source.floats(second)
    guard left.shape == right.shape else {
      throw FileError(
        .entryMismatch, path,
        "the tensors \(quoted(first)) \(left.shape) and \(quoted(second)) \(right.shape) should have "
          + "the same shape", entry: second)
    }
    return Tensor(shape: left.shape, values: zip(left.values, right.values).map { $0 - $1 })
  }

  private func misshapen(_ name: String, _ shape: [Int], _ count: String) -> FileError {
    FileError(
      .entryMismatch, path,
      "the tensor \(quoted(name)) has shape \(shape), but needs \(count) dimensions", entry: name)
  }
}

/// Rows as columns.
package func transpose(_ tensor: Tensor<Float>) -> Tensor<Float> {
  let (rows, columns) = (tensor.shape[0], tensor.shape[1])
  // Without elements the other extent may be anything.
  if tensor.values.isEmpty { return Tensor(shape: [columns, rows], values: []) }
  var values: [Float] = []
  values.reserveCapacity(tensor.values.count)
  for column in 0..<columns {
    for row in 0..<rows { values.append(tensor.values[row * columns + column]) }
  }
  return Tensor(shape: [columns, rows], values: values)
}
