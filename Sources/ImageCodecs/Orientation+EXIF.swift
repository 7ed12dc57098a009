extension Orientation {
  /// The one in the EXIF data of a JPEG, PNG or WebP file; nil where there is none that makes sense.
  init?(exifOf bytes: [UInt8]) {
    let exif =
      switch ImageFormat(bytes) {
      case .jpeg: exifOfJPEG(bytes)
      case .png: exifOfPNG(bytes)
      case .webp: exifOfWebP(bytes)
      case .gif, .bmp, .pnm, .tiff, .other, .unknown: nil as ArraySlice<UInt8>?
      }
    guard let number = exif.flatMap(orientation), let orientation = Self(rawValue: number) else {
      return nil
    }
    self = orientation
  }
}

/// The TIFF structure in the first Exif segment of a JPEG file (Exif 2.32, section 4.5).
private func exifOfJPEG(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
  let mark = Array("Exif\0\0".utf8)
  var rest = bytes.dropFirst(2)
  while rest.first == 0xFF {
    rest = rest.drop { $0 == 0xFF }
    guard let marker = rest.popFirst(), marker != 0xDA, marker != 0xD9 else { return nil }
    // Markers without a segment.
    if marker == 0x01 || (0xD0...0xD7).contains(marker) { continue }
    guard let length = rest.number(at: 0, bytes: 2, bigEndian: true), length >= 2 else {
      return nil
    }
    let segment = rest.prefix(length).dropFirst(2)
    if marker == 0xE1, segment.starts(with: mark) { return segment.dropFirst(mark.count) }
    rest = rest.dropFirst(length)
  }
  return nil
}

/// The content of a PNG file's chunk eXIf.
private func exifOfPNG(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
  var rest = bytes.dropFirst(8)
  while let length = rest.number(at: 0, bytes: 4, bigEndian: true) {
    let chunk = rest.dropFirst(4)
    if chunk.starts(with: "eXIf".utf8) { return chunk.dropFirst(4).prefix(length) }
    rest = rest.dropFirst(12 + length)
  }
  return nil
}

/// The content of a WebP file's chunk EXIF, with or without the mark that JPEG files need.
private func exifOfWebP(_ bytes: [UInt8]) -> ArraySlice<UInt8>? {
  let mark = Array("Exif\0\0".utf8)
  var rest = bytes.dropFirst(12)
  while let length = rest.number(at: 4, bytes: 4, bigEndian: false) {
    if rest.starts(with: "EXIF".utf8) {
      let content = rest.dropFirst(8).prefix(length)
      return content.starts(with: mark) ? content.dropFirst(mark.count) : content
    }
    rest = rest.dropFirst(8 + length + length % 2)
  }
  return nil
}

/// The orientation in a TIFF structure: the value of tag 0x0112 in its first directory.
private func orientation(_ exif: ArraySlice<UInt8>) -> Int? {
  let bigEndian = exif.starts(with: "MM\0*".utf8)
  guard bigEndian || exif.starts(with: "II*\0".utf8),
    let start = exif.number(at: 4, bytes: 4, bigEndian: bigEndian),
    let count = exif.number(at: start, bytes: 2, bigEndian: bigEndian)
  else { return nil }
  for entry in 0..<count {
    let offset = start + 2 + 12 * entry
    guard let tag = exif.number(at: offset, bytes: 2, bigEndian: bigEndian) else { return nil }
    // Of the type "short" the value stands in the entry itself.
    if tag == 0x0112, exif.number(at: offset + 2, bytes: 2, bigEndian: bigEndian) == 3 {
      return exif.number(at: offset + 8, bytes: 2, bigEndian: bigEndian)
    }
  }
  return nil
}

extension ArraySlice<UInt8> {
  /// The number of 2 or 4 bytes at `offset` from the slice's beginning, nil where it ends before.
  func number(at offset: Int, bytes: Int, bigEndian: Bool) -> Int? {
    guard offset >= 0, offset + bytes <= count else { return nil }
    let digits = self[startIndex + offset..<startIndex + offset + bytes]
    func value(_ digits: some Sequence<UInt8>) -> Int { digits.reduce(0) { $0 << 8 | Int($1) } }
    return bigEndian ? value(digits) : value(digits.reversed())
  }
}
