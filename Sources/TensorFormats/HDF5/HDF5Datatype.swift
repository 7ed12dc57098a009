import FileIO
import Tensors

/// What one element of a dataset or attribute is.
package struct HDF5Datatype {
  package enum Kind: Equatable {
    case number(ElementType)
    /// A text of a fixed number of bytes.
    case fixedText
    /// A text that lies in the global heap.
    case heapText
    /// Anything else.
    case other
  }

  package let kind: Kind
  /// Bytes of one element in the file.
  package let size: Int

  package init(_ reader: inout ByteReader) throws(FileError) {
    let head = try reader.byte()
    let flags = try reader.number(UInt16.self)
    try reader.skip(1)
    size = try reader.size(4)
    switch head & 0x0F {
    case 0: kind = Self.integer(flags, size)
    case 1: kind = try Self.floatingPoint(flags, size, &reader)
    case 3: kind = .fixedText
    case 9: kind = flags & 0x0F == 1 && size == 16 ? .heapText : .other
    default: kind = .other
    }
  }

  private static func integer(_ flags: UInt16, _ size: Int) -> Kind {
    let isLittleEndian = flags & 1 == 0
    let isSigned = flags & 8 != 0
    let types: [Int: ElementType] =
      isSigned
      ? [1: .int8, 2: .int16, 4: .int32, 8: .int64]
      : [1: .uint8, 2: .uint16, 4: .uint32, 8: .uint64]
    guard let type = types[size], isLittleEndian || size == 1 else { return .other }
    return .number(type)
  }

  /// One of the IEEE 754 formats, little-endian, or `other`.
  private static func floatingPoint(
    _ flags: UInt16, _ size: Int, _ reader: inout ByteReader
  ) throws(FileError) -> Kind {
    let offset = try reader.number(UInt16.self)
    let precision = Int(try reader.number(UInt16.self))
    try reader.skip(1)
    let exponentSize = try reader.byte()
    try reader.skip(1)
    let mantissaSize = try reader.byte()
    let bias = try reader.number(UInt32.self)
    guard flags & 0x41 == 0, offset == 0, precision == 8 * size else { return .other }
    switch (size, exponentSize, mantissaSize, bias) {
    case (8, 11, 52, 1023): return .number(.float64)
    case (4, 8, 23, 127): return .number(.float32)
    case (2, 5, 10, 15): return .number(.float16)
    case (2, 8, 7, 127): return .number(.bfloat16)
    default: return .other
    }
  }
}

/// The shape of a dataset or attribute, outermost dimension first; a scalar has none.
package func hdf5Shape(_ reader: inout ByteReader) throws(FileError) -> [Int] {
  let version = try reader.byte()
  let rank = Int(try reader.byte())
  guard version == 1 || version == 2, rank <= 32 else {
    throw reader.damaged("its dataspace has \(rank) dimensions in version \(version)")
  }
  try reader.skip(1)
  let isNull = try reader.byte() == 2 && version == 2
  if version == 1 { try reader.skip(4) }
  var shape: [Int] = []
  for _ in 0..<rank { shape.append(try reader.size(8)) }
  return isNull ? [0] : shape
}

extension HDF5Object {
  /// What this object holds as a dataset, or nil if it is none.
  ///
  /// `attributes` are those of this object: Keras stores bfloat16 as 16-bit integers with an
  /// attribute that says so.
  package func dataset(
    attributes: [String: [String]]
  ) throws(FileError) -> HDF5Dataset? {
    guard has(Message.layout), var space = try message(Message.dataspace),
      var typeReader = try message(Message.datatype)
    else { return nil }
    let shape = try hdf5Shape(&space)
    let datatype = try HDF5Datatype(&typeReader)
    guard let count = elementCount(shape),
      case (let size, let overflow) = count.multipliedReportingOverflow(by: datatype.size),
      !overflow
    else { throw damaged("its dimensions \(shape) are absurd") }
    guard case .number(let type) = datatype.kind else {
      return HDF5Dataset(shape: shape, type: nil, range: 0..<0, problem: "holds no plain numbers")
    }
    if let problem = try layoutProblem() {
      return HDF5Dataset(shape: shape, type: nil, range: 0..<0, problem: problem)
    }
    let range = try dataRange(shape: shape, size: size)
    let isBrainFloat = type == .uint16 && attributes["dtype"] == ["bfloat16"]
    return HDF5Dataset(
      shape: shape, type: isBrainFloat ? .bfloat16 : type, range: range, problem: nil)
  }

  private func layoutProblem() throws(FileError) -> String? {
    if has(Message.filters) { return "is compressed; Keras stores weights as they are" }
    guard var reader = try message(Message.layout) else { return nil }
    let version = try reader.byte()
    guard version == 3 || version == 4 else { return "has a layout of version \(version)" }
    return try reader.byte() >= 2 ? "is stored in chunks; Keras stores weights in one piece" : nil
  }

  /// The range of the elements, which must be all there.
  private func dataRange(shape: [Int], size: Int) throws(FileError) -> Range<Int> {
    guard var reader = try message(Message.layout) else { return 0..<0 }
    try reader.skip(1)
    if size == 0 { return 0..<0 }
    let isCompact = try reader.byte() == 0
    if isCompact {
      let stored = try reader.size(2)
      guard stored >= size, stored <= reader.remaining else {
        throw damaged("its dimensions \(shape) do not fit its \(stored) bytes")
      }
      let start = try offsetInFile(of: Message.layout) + reader.offset
      return start..<start + size
    }
    let address = try reader.number(UInt64.self)
    let stored = try reader.size(8)
    guard let start = Int(exactly: address), start <= source.count, stored >= size,
      size <= source.count - start
    else { throw damaged("its dimensions \(shape) do not fit the file") }
    return start..<start + size
  }
}
