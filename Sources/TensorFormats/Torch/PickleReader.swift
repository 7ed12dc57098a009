import FileIO

/// Reads a Python pickle without executing anything.
///
/// A pickle is a program for a stack machine that can call any Python function. This machine knows
/// only the opcodes that build plain values, the globals of ``PickleGlobal`` and what those few
/// make of their arguments. The opcodes are those of Python's `Lib/pickletools.py`, of
/// protocols 1 to 5; PyTorch cannot read its own files in protocol 0.
package struct PickleReader {
  /// How many opcodes are carried out at most; the state_dict of a ResNet-152 takes about 20,000.
  package static let operationLimit = 1_000_000
  /// The longest key of a dictionary: a short pickle can use one again and again, and each use
  /// costs its length.
  package static let nameLimit = 4096
  /// The longest key of a storage; PyTorch's are numbers.
  package static let storageKeyLimit = 256

  package var reader: ByteReader
  package var stack: [PickleValue] = []
  private var memo: [Int: PickleValue] = [:]
  package var lists: [[PickleValue]] = []
  package var dictionaries: [[(key: String, value: PickleValue)]] = []
  private var storages: [String: TorchStorage] = [:]
  /// How many pairs may still be copied out of lists: one list can be named by many calls.
  package var copiesLeft = Self.operationLimit

  /// Reads the pickle that begins at `offset` in `bytes`.
  package static func read(
    _ bytes: [UInt8], from offset: Int = 0, path: String
  ) throws(FileError) -> PickleContent {
    var machine = PickleReader(ByteReader(bytes, path: path, what: "pickle"))
    try machine.reader.move(to: offset)
    return try machine.run(from: offset)
  }

  private init(_ reader: ByteReader) { self.reader = reader }

  private mutating func run(from start: Int) throws(FileError) -> PickleContent {
    for _ in 0..<Self.operationLimit {
      let code = try reader.byte()
      if code == UInt8(ascii: ".") {
        return PickleContent(
          root: try pop(), lists: lists, dictionaries: dictionaries, storages: storages,
          length: reader.offset - start)
      }
      if try pushSimple(code) { continue }
      if try pushText(code) { continue }
      if try build(code) { continue }
      let printable = (0x21...0x7E).contains(code) ? " ('\(Character(Unicode.Scalar(code)))')" : ""
      throw reader.unsupported(
        "the pickle uses opcode 0x\(String(code, radix: 16))\(printable), which no state_dict "
          + "needs; it is not executed")
    }
    throw reader.damaged("it has more than \(Self.operationLimit) opcodes")
  }

  // MARK: The stack

  package mutating func pop() throws(FileError) -> PickleValue {
    guard let value = stack.popLast() else { throw reader.damaged("its stack is empty") }
    if case .mark = value { throw reader.damaged("a mark is used as a value") }
    return value
  }

  /// The values above the last mark; the mark goes too.
  private mutating func popMarked() throws(FileError) -> [PickleValue] {
    let found = stack.lastIndex { if case .mark = $0 { true } else { false } }
    guard let found else { throw reader.damaged("a mark is missing") }
    let values = Array(stack[(found + 1)...])
    stack.removeSubrange(found...)
    return values
  }

  private mutating func push(tuple values: [PickleValue]) throws(FileError) {
    let tuple = PickleTuple(values)
    guard tuple.depth <= PickleTuple.depthLimit else {
      throw reader.damaged("its tuples nest too deeply")
    }
    stack.append(.tuple(tuple))
  }

  private mutating func remember(_ key: Int) throws(FileError) {
    guard let top = stack.last else { throw reader.damaged("its stack is empty") }
    memo[key] = top
  }

  private mutating func recall(_ key: Int) throws(FileError) {
    guard let value = memo[key] else { throw reader.damaged("it recalls what it never stored") }
    stack.append(value)
  }

  // MARK: Opcodes

  /// Numbers, constants, empty containers, memory. Returns false for any other opcode.
  private mutating func pushSimple(_ code: UInt8) throws(FileError) -> Bool {
    switch code {
    case 0x80: try reader.skip(1)  // PROTO
    case 0x95: try reader.skip(8)  // FRAME
    case UInt8(ascii: "("): stack.append(.mark)
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.boolean(true))
    case 0x89: stack.append(.boolean(false))
    case UInt8(ascii: "J"): stack.append(.integer(Int(try reader.number(Int32.self))))
    case UInt8(ascii: "K"): stack.append(.integer(Int(try reader.byte())))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try reader.number(UInt16.self))))
    case 0x8A: stack.append(integer(try reader.take(try reader.size(1))))
    case 0x8B: stack.append(integer(try reader.take(try reader.size(4))))
    // Protocol 1 has some numbers in digits; `01` and `00` are true and false.
    case UInt8(ascii: "I"), UInt8(ascii: "L"): stack.append(writtenInteger(try line()))
    case UInt8(ascii: "G"):
      stack.append(.double(Double(bitPattern: try reader.number(UInt64.self).byteSwapped)))
    case UInt8(ascii: ")"): try push(tuple: [])
    case UInt8(ascii: "]"):
      lists.append([])
      stack.append(.list(lists.count - 1))
    case UInt8(ascii: "}"): pushDictionary([])
    case 0x8F: stack.append(.other("a set"))
    case UInt8(ascii: "q"): try remember(Int(try reader.byte()))
    case UInt8(ascii: "r"): try remember(Int(try reader.number(UInt32.self)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "h"): try recall(Int(try reader.byte()))
    case UInt8(ascii: "j"): try recall(Int(try reader.number(UInt32.self)))
    case UInt8(ascii: "0"): _ = try pop()
    default: return false
    }
    return true
  }

  /// Texts, bytes and globals. Returns false for any other opcode.
  private mutating func pushText(_ code: UInt8) throws(FileError) -> Bool {
    switch code {
    case UInt8(ascii: "X"): try pushString(lengthSize: 4)
    case 0x8C: try pushString(lengthSize: 1)
    case 0x8D: try pushString(lengthSize: 8)
    case UInt8(ascii: "U"): try pushString(lengthSize: 1)
    case UInt8(ascii: "T"): try pushString(lengthSize: 4)
    case UInt8(ascii: "C"): try pushBytes(lengthSize: 1)
    case UInt8(ascii: "B"): try pushBytes(lengthSize: 4)
    case 0x8E, 0x96: try pushBytes(lengthSize: 8)
    case UInt8(ascii: "c"): try pushGlobal(module: try line(), name: try line())
    case 0x93:
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw reader.damaged("the name of a global is not a text")
      }
      try pushGlobal(module: module, name: name)
    default: return false
    }
    return true
  }

  /// Containers and calls. Returns false for any other opcode.
  private mutating func build(_ code: UInt8) throws(FileError) -> Bool {
    switch code {
    case UInt8(ascii: "t"): try push(tuple: try popMarked())
    case 0x85...0x87:
      var values: [PickleValue] = []
      for _ in 0x84..<code { values.append(try pop()) }
      try push(tuple: values.reversed())
    case 0x90:
      _ = try popMarked()
      guard case .other = stack.last else { throw reader.damaged("a set is missing") }
    case 0x91:
      _ = try popMarked()
      stack.append(.other("a set"))
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"): try append(try popMarked())
    case UInt8(ascii: "s"):
      let value = try pop()
      try setItems([try pop(), value])
    case UInt8(ascii: "u"): try setItems(try popMarked())
    case UInt8(ascii: "b"):
      // Attributes, such as the `_metadata` of a state_dict: not needed.
      _ = try pop()
      switch stack.last {
      case .dictionary, .other: break
      default:
        throw reader.unsupported("the pickle sets the state of an object, which is not executed")
      }
    case UInt8(ascii: "R"), 0x81: try call()
    case UInt8(ascii: "Q"):
      let storage = try storage(try pop())
      guard storages.updateValue(storage, forKey: storage.key).map({ $0 == storage }) ?? true else {
        throw reader.damaged("the storage \(quoted(storage.key)) has two types")
      }
      stack.append(.storage(storage))
    default: return false
    }
    return true
  }

  // MARK: Pieces

  private func integer(_ bytes: ArraySlice<UInt8>) -> PickleValue {
    guard bytes.count <= 8 else { return .other("a large number") }
    var value: UInt64 = (bytes.last ?? 0) >= 0x80 ? .max : 0
    for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
    return .integer(Int(truncatingIfNeeded: value))
  }

  private func writtenInteger(_ text: String) -> PickleValue {
    if text == "01" || text == "00" { return .boolean(text == "01") }
    return Int(text.hasSuffix("L") ? text.dropLast() : text[...]).map { .integer($0) }
      ?? .other("a large number")
  }

  private mutating func pushString(lengthSize: Int) throws(FileError) {
    stack.append(.string(Self.text(try reader.take(try reader.size(lengthSize)))))
  }

  /// Bytes as text: UTF-8, else one character for each byte. Strings of Python 2 can hold any
  /// bytes, and Python 3 writes the bytes of a file name that is not UTF-8 as halves of characters.
  private static func text(_ bytes: some Collection<UInt8>) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    return text
  }

  /// Bytes beside the weights, which nothing needs.
  private mutating func pushBytes(lengthSize: Int) throws(FileError) {
    try reader.skip(try reader.size(lengthSize))
    stack.append(.other("bytes"))
  }

  private mutating func line() throws(FileError) -> String {
    var bytes: [UInt8] = []
    while true {
      let byte = try reader.byte()
      if byte == UInt8(ascii: "\n") { break }
      bytes.append(byte)
    }
    return Self.text(bytes)
  }

  private mutating func pushGlobal(module: String, name: String) throws(FileError) {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw reader.unsupported(
        "the pickle asks for \(quoted("\(module).\(name)")), which no state_dict needs; nothing was "
          + "executed. Save the weights alone: torch.save(model.state_dict(), path)")
    }
    stack.append(.global(global))
  }

  package mutating func pushDictionary(_ pairs: [(key: String, value: PickleValue)]) {
    dictionaries.append(pairs)
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func append(_ values: [PickleValue]) throws(FileError) {
    guard case .list(let list) = stack.last else { throw reader.damaged("a list is missing") }
    lists[list] += values
  }

  private mutating func setItems(_ values: [PickleValue]) throws(FileError) {
    guard values.count.isMultiple(of: 2) else { throw reader.damaged("a value is missing") }
    // A counter is filled like a dictionary; nothing needs what is in it.
    if case .other = stack.last { return }
    guard case .dictionary(let dictionary) = stack.last else {
      throw reader.damaged("a dictionary is missing")
    }
    for index in stride(from: 0, to: values.count, by: 2) {
      guard let pair = try pair(values[index], values[index + 1]) else { continue }
      dictionaries[dictionary].append(pair)
    }
  }

  /// A pair of a dictionary; nil for a key that is no text, which occurs in optimizer states and
  /// never in a state_dict.
  package func pair(
    _ key: PickleValue, _ value: PickleValue
  ) throws(FileError) -> (key: String, value: PickleValue)? {
    guard case .string(let key) = key else { return nil }
    guard key.utf8.count <= Self.nameLimit else {
      throw reader.unsupported("the pickle has a key of \(key.utf8.count) bytes in a dictionary")
    }
    return (key, value)
  }
}
