import FileIO

/// Writes the pickle of a state_dict, as `torch.save` makes it.
package struct PickleWriter {
  private var bytes: [UInt8] = [0x80, 2]

  /// The pickle of an OrderedDict of tensors; tensor number `n` has the storage key `n`.
  package static func stateDict(
    _ tensors: [(name: String, storageType: String, shape: [Int])]
  ) -> [UInt8] {
    var writer = PickleWriter()
    writer.orderedDict()
    writer.operation("(")
    for (key, tensor) in tensors.enumerated() {
      writer.text(tensor.name)
      writer.tensor(tensor.storageType, shape: tensor.shape, key: "\(key)")
    }
    writer.operation("u")
    writer.operation(".")
    return writer.bytes
  }

  private mutating func operation(_ code: Character) {
    bytes += String(code).utf8
  }

  private mutating func global(_ module: String, _ name: String) {
    bytes += "c\(module)\n\(name)\n".utf8
  }

  private mutating func text(_ text: String) {
    bytes += [UInt8(ascii: "X")] + little(text.utf8.count, 4) + text.utf8
  }

  private mutating func integer(_ value: Int) {
    if let byte = UInt8(exactly: value) {
      bytes += [UInt8(ascii: "K"), byte]
    } else if value >= 0, value <= Int32.max {
      bytes += [UInt8(ascii: "J")] + little(value, 4)
    } else {
      bytes += [0x8A, 8] + little(value, 8)
    }
  }

  private mutating func tuple(_ values: [Int]) {
    operation("(")
    for value in values { integer(value) }
    operation("t")
  }

  private mutating func orderedDict() {
    global("collections", "OrderedDict")
    operation(")")
    operation("R")
  }

  /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`
  private mutating func tensor(_ storageType: String, shape: [Int], key: String) {
    global("torch._utils", "_rebuild_tensor_v2")
    operation("(")
    storage(storageType, key: key, count: shape.reduce(1, *))
    integer(0)
    tuple(shape)
    tuple(contiguousStrides(shape))
    bytes.append(0x89)
    orderedDict()
    operation("t")
    operation("R")
  }

  private mutating func storage(_ type: String, key: String, count: Int) {
    operation("(")
    text("storage")
    global("torch", type)
    text(key)
    text("cpu")
    integer(count)
    operation("t")
    operation("Q")
  }
}

/// How many elements lie between neighbours along each dimension in row-major order.
package func contiguousStrides(_ shape: [Int]) -> [Int] {
  var strides: [Int] = []
  var stride = 1
  for extent in shape.reversed() {
    strides.insert(stride, at: 0)
    stride *= extent
  }
  return strides
}
