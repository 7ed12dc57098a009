import FileIO

/// What the few functions make that a pickle may call.
extension PickleReader {
  /// Carries out a call, or the making of an object, with what is on the stack.
  package mutating func call() throws(FileError) {
    guard case .tuple(let tuple) = try pop(), case .global(let function) = try pop() else {
      throw reader.damaged("a call without a function")
    }
    if case .orderedDict = function {
      pushDictionary(try pairs(tuple.values))
    } else {
      stack.append(try result(of: function, tuple.values))
    }
  }

  /// The pairs of `OrderedDict(...)`: none, or those of the one list that Python 2 gives it.
  private mutating func pairs(
    _ arguments: [PickleValue]
  ) throws(FileError) -> [(key: String, value: PickleValue)] {
    if arguments.isEmpty { return [] }
    guard arguments.count == 1, case .list(let list) = arguments[0] else {
      throw reader.damaged("an OrderedDict with unknown arguments")
    }
    copiesLeft -= lists[list].count
    guard copiesLeft >= 0 else { throw reader.damaged("its lists are used too often") }
    var pairs: [(key: String, value: PickleValue)] = []
    for element in lists[list] {
      let parts =
        switch element {
        case .list(let index): lists[index]
        case .tuple(let tuple): tuple.values
        default: [PickleValue]()
        }
      guard parts.count == 2 else { throw reader.damaged("an OrderedDict without pairs") }
      if let pair = try pair(parts[0], parts[1]) { pairs.append(pair) }
    }
    return pairs
  }

  private func result(
    of function: PickleGlobal, _ arguments: [PickleValue]
  ) throws(FileError) -> PickleValue {
    switch function {
    case .orderedDict: throw reader.damaged("a dictionary instead of a tensor")
    case .rebuildTensor: return .tensor(try view(arguments))
    case .parameter:
      switch arguments.first {
      case .tensor, .other: return arguments[0]
      default: throw reader.damaged("a parameter without data")
      }
    case .rebuildFromType:
      // The function, the class, the function's arguments, and attributes, which are not needed.
      guard arguments.count == 4, case .global(let inner) = arguments[0],
        case .tuple(let tuple) = arguments[2]
      else { throw reader.damaged("a tensor with unknown arguments") }
      return try result(of: inner, tuple.values)
    case .size:
      guard arguments.count == 1 else { throw reader.damaged("a Size without numbers") }
      return arguments[0]
    case .plain(let what): return .other(what)
    case .storageType: throw reader.damaged("a storage type is called")
    }
  }

  /// The tensor of `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`.
  private func view(_ arguments: [PickleValue]) throws(FileError) -> TorchView {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0],
      case .integer(let offset) = arguments[1], let shape = numbers(arguments[2]),
      let strides = numbers(arguments[3])
    else { throw reader.damaged("a tensor with unknown arguments") }
    guard
      let view = TorchView(storage: storage, offset: offset, shape: shape, strides: strides)
    else {
      throw reader.damaged(
        "a tensor of shape \(shape) and strides \(strides) does not fit its storage of "
          + "\(storage.count) elements")
    }
    return view
  }

  private func numbers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let tuple) = value, tuple.values.count <= TorchView.dimensionLimit else {
      return nil
    }
    var numbers: [Int] = []
    for value in tuple.values {
      guard case .integer(let number) = value else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The storage of `("storage", type, key, location, count)`, which may end with None.
  package func storage(_ value: PickleValue) throws(FileError) -> TorchStorage {
    guard case .tuple(let tuple) = value, case let parts = tuple.values, parts.count >= 5,
      case .string("storage") = parts[0], case .global(.storageType(let type)) = parts[1],
      case .string(let key) = parts[2], key.utf8.count <= Self.storageKeyLimit,
      case .integer(let count) = parts[4], count >= 0
    else { throw reader.unsupported("the pickle refers to something that is no storage") }
    if parts.count > 5 {
      guard case .none = parts[5] else {
        throw reader.unsupported("the file holds a storage that is a part of another one")
      }
    }
    return TorchStorage(key: key, type: type, count: count)
  }
}
