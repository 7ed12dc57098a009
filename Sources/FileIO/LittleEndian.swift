#if _endian(big)
  #error("files and messages are little-endian; numbers are copied as they lie in memory")
#endif

/// The bytes of `numbers`, the lowest of each first.
package func littleEndianBytes<Number: BitwiseCopyable>(of numbers: [Number]) -> [UInt8] {
  numbers.withUnsafeBytes { Array($0) }
}

/// The numbers that `bytes` hold, the lowest byte of each first; an incomplete one at the end is
/// left out.
package func numbers<Number: BitwiseCopyable>(
  ofLittleEndianBytes bytes: ArraySlice<UInt8>
) -> [Number] {
  bytes.withUnsafeBytes { raw in
    let count = raw.count / MemoryLayout<Number>.stride
    // One copy: number by number it took most of the time of an exchange of features.
    return [Number](unsafeUninitializedCapacity: count) { buffer, initialised in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: raw.prefix(count * MemoryLayout<Number>.stride)))
      initialised = count
    }
  }
}

extension [UInt8] {
  /// Appends the bytes of `numbers`, the lowest of each first.
  package mutating func append<Number: BitwiseCopyable>(littleEndian numbers: [Number]) {
    numbers.withUnsafeBytes { append(contentsOf: $0) }
  }
}

/// The lowest `count` bytes of `value`, lowest first.
package func little(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
}
