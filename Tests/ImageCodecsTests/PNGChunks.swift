/// A PNG chunk with its length and check.
func pngChunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
  let body = Array(name.utf8) + content
  return bigEndian(UInt32(content.count)) + body + bigEndian(checkOfPNG(body[...]))
}

extension [UInt8] {
  /// The PNG file with the check of every chunk set right, as far as its lengths make sense.
  /// Without this, damage would never get past the checks.
  var withRightChecks: [UInt8] {
    var fixed = self
    var start = 8
    while start + 12 <= count {
      let length = self[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
      let check = start + 8 + length
      guard check + 4 <= count else { break }
      fixed.replaceSubrange(check..<check + 4, with: bigEndian(checkOfPNG(self[start + 4..<check])))
      start = check + 4
    }
    return fixed
  }
}

extension [UInt8] {
  /// The PNG file with other compressed pixels, in one chunk with the right check.
  func withPixels(_ change: ([UInt8]) -> [UInt8]) -> [UInt8] {
    let chunks = pngChunks
    let pixels = chunks.filter { $0.name == "IDAT" }.flatMap(\.content)
    let place = chunks.firstIndex { $0.name == "IDAT" } ?? chunks.count
    return prefix(8)
      + chunks.enumerated().flatMap { index, chunk in
        if chunk.name != "IDAT" { return pngChunk(chunk.name, chunk.content) }
        return index == place ? pngChunk("IDAT", change(pixels)) : []
      }
  }

  /// The chunks of a whole PNG file.
  private var pngChunks: [(name: String, content: [UInt8])] {
    var chunks: [(name: String, content: [UInt8])] = []
    var rest = dropFirst(8)
    while rest.count >= 12 {
      let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      let body = rest.dropFirst(4).prefix(4 + length)
      chunks.append((String(decoding: body.prefix(4), as: UTF8.self), Array(body.dropFirst(4))))
      rest = rest.dropFirst(12 + length)
    }
    return chunks
  }
}

private func bigEndian(_ value: UInt32) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The CRC-32 of PNG (annex D of the specification).
private func checkOfPNG(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  ~bytes.reduce(UInt32.max) { check, byte in
    (0..<8).reduce(check ^ UInt32(byte)) { check, _ in
      check & 1 == 1 ? 0xEDB8_8320 ^ check >> 1 : check >> 1
    }
  }
}
