import Tensors

/// What a pickle can hold here: plain values, containers and the tensors of PyTorch.
package indirect enum PickleValue: Sendable {
  case none
  case boolean(Bool)
  case integer(Int)
  case double(Double)
  case string(String)
  /// Something else without effect that stands beside the weights, by what a message calls it; its
  /// content is passed over.
  case other(String)
  case tuple(PickleTuple)
  /// A list; the number is its index in ``PickleContent/lists``.
  case list(Int)
  /// A dictionary; the number is its index in ``PickleContent/dictionaries``.
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(TorchStorage)
  case tensor(TorchView)
  /// The mark that opens a run of values; it never leaves the stack.
  case mark
}

/// A tuple that knows how deeply tuples nest in it.
///
/// Tuples can be shared, so a short pickle can describe one whose walk would never end: the depth
/// is counted while it is built.
package struct PickleTuple: Sendable {
  /// How deeply tuples may nest. Deeper ones would overflow the stack when they are freed.
  package static let depthLimit = 64

  package let values: [PickleValue]
  package let depth: Int

  package init(_ values: [PickleValue]) {
    self.values = values
    let inner = values.map { value in
      if case .tuple(let tuple) = value { tuple.depth } else { 0 }
    }
    depth = 1 + (inner.max() ?? 0)
  }
}

/// Numbers that tensors look into: one file of a zip archive, or a stretch of an older file.
package struct TorchStorage: Sendable, Equatable {
  package let key: String
  package let type: ElementType
  /// The number of elements.
  package let count: Int
}

/// A tensor: a storage, and how to walk through it.
package struct TorchView: Sendable, Equatable {
  package let storage: TorchStorage
  /// The indices in the storage from the first element of the view to the last one.
  package let range: Range<Int>
  /// The number of elements of the view.
  package let count: Int
  package let shape: [Int]
  /// How many elements of the storage lie between neighbours along each dimension.
  package let strides: [Int]

  /// The most dimensions of a tensor.
  package static let dimensionLimit = 8

  /// Makes a view, or nil if it would reach outside of its storage or repeat elements of it.
  package init?(storage: TorchStorage, offset: Int, shape: [Int], strides: [Int]) {
    guard shape.count == strides.count, (0...storage.count).contains(offset),
      strides.allSatisfy({ $0 >= 0 }), let count = elementCount(shape), count <= storage.count
    else { return nil }
    var end = offset
    if count > 0 {
      for (extent, stride) in zip(shape, strides) {
        let (step, overflow) = stride.multipliedReportingOverflow(by: extent - 1)
        let (sum, sumOverflow) = end.addingReportingOverflow(step)
        if overflow || sumOverflow || sum >= storage.count { return nil }
        end = sum
      }
      end += 1
    }
    self.storage = storage
    self.shape = shape
    self.strides = strides
    self.count = count
    range = offset..<end
  }

  /// Whether the elements lie one after the other in row-major order.
  package var isContiguous: Bool {
    if count == 0 { return true }
    var expected = 1
    for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
      if stride != expected { return false }
      expected *= extent
    }
    return true
  }
}

/// The result of reading one pickle.
package struct PickleContent: Sendable {
  /// What the pickle was made of.
  package let root: PickleValue
  /// The elements of every list.
  package let lists: [[PickleValue]]
  /// The pairs of every dictionary whose keys are texts, in their order; others are left out.
  package let dictionaries: [[(key: String, value: PickleValue)]]
  /// The storages that the pickle refers to, by key.
  package let storages: [String: TorchStorage]
  /// How many bytes the pickle took.
  package let length: Int
}
