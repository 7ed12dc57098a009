internal import CKernels
internal import Glibc

/// Why packed weights could not be kept in, or taken from, a file, as a sentence for a person.
package struct PackedFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The whole message.
  package let description: String

  /// An error about the file `path`; `reason` reads as the continuation of "path: ".
  package init(_ path: String, _ reason: String) { description = "\(path): \(reason)" }

  /// A system call that failed, told by `errno`.
  static func system(_ path: String, _ doing: String, code: Int32 = errno) -> PackedFileError {
    PackedFileError(path, "\(doing) failed: \(String(cString: strerror(code)))")
  }
}

/// The file format of packed weights: a head, then the weights exactly as the kernels read them.
///
/// | bytes | what |
/// |---|---|
/// | 0 to 7 | "AVPPACK\n" |
/// | 8 to 15 | ``version`` |
/// | 16 to 23 | count of the description's bytes |
/// | 24 to 31 | checksum of the description |
/// | 32 to 39 | count of the weights' floats |
/// | 40 to 47 | checksum of the weights |
/// | from 48 | the description, opaque here |
/// | from 2 MB | the weights |
///
/// Numbers are little-endian. The weights begin at a multiple of the large page size, so that the
/// system can map them with large pages.
package enum PackedFile {
  /// Changes whenever the packed form of any convolution, the description, or the bits that a path
  /// computes, do.
  package static let version = 4

  /// How the names of files of this version end.
  package static var nameEnd: String { "-v\(version).packed" }

  static let magic = UInt64(littleEndian: 0x0A4B_4341_5050_5641)
  static let weightsOffset = 2 << 20
  static let headCount = 48
  static let mostDescription = weightsOffset - headCount

  /// A checksum that any change of a single word changes: four lanes of (sum ^ word) * odd, so that
  /// the memory, not the arithmetic, sets the pace.
  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var lanes = SIMD4<UInt64>(1, 2, 3, 4)
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    let words = bytes.count / 8
    var word = 0
    while word + 4 <= words {
      let next = bytes.loadUnaligned(fromByteOffset: word * 8, as: SIMD4<UInt64>.self)
      lanes = SIMD4(
        (lanes[0] ^ next[0]) &* factor, (lanes[1] ^ next[1]) &* factor,
        (lanes[2] ^ next[2]) &* factor, (lanes[3] ^ next[3]) &* factor)
      word += 4
    }
    var sum = UInt64(bytes.count)
    for lane in 0..<4 { sum = (sum ^ lanes[lane]) &* factor ^ (sum >> 29) }
    for byte in bytes[(word * 8)...] { sum = (sum ^ UInt64(byte)) &* factor }
    return sum ^ (sum >> 32)
  }
}

extension PackedFile {
  /// The name of the file that this process makes before it becomes `path`: no other process on any
  /// host that shares the folder has the same.
  package static func temporary(_ path: String) -> String { "\(path).\(hostName)-\(getpid()).tmp" }

  /// Whether a file may be removed while this process alone, on its host, makes the file `own` of
  /// the same folder: what a killed process of this host left of it, or a file of an older version.
  package static func isLeftover(_ name: String, of own: String) -> Bool {
    let ours = "\(own).\(hostName)-"
    if name.hasPrefix(ours), name.hasSuffix(".tmp"), name.count > ours.count + 4 {
      // A process number alone: another host's name may begin with this one's and a dash.
      return name.dropFirst(ours.count).dropLast(4).allSatisfy(\.isASCIIDigit)
    }
    guard let match = name.firstMatch(of: /-v([0-9]+)\.packed/), let number = Int(match.1) else {
      return false
    }
    return number < version
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "host" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      .replacing("/", with: "-")
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { "0"..."9" ~= self }
}

/// The numbers at the head of a packed file.
struct PackedFileHead: Equatable {
  var description: [UInt8]
  var floats: Int
  var weightsChecksum: UInt64

  /// The bytes of the head, as many as the file has before its weights or less.
  var encoded: [UInt8] {
    let numbers = [
      PackedFile.magic, UInt64(PackedFile.version), UInt64(description.count),
      description.withUnsafeBytes { PackedFile.checksum($0) }, UInt64(floats), weightsChecksum,
    ]
    return numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
      + description
  }

  init(description: [UInt8], floats: Int, weightsChecksum: UInt64) {
    self.description = description
    self.floats = floats
    self.weightsChecksum = weightsChecksum
  }

  /// Reads the head of a file of `fileCount` bytes; nil if anything in it is not as it must be.
  init?(_ bytes: UnsafeRawBufferPointer, fileCount: Int) {
    guard bytes.count >= PackedFile.headCount else { return nil }
    func number(_ index: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    guard number(0) == PackedFile.magic, number(1) == UInt64(PackedFile.version),
      number(2) <= UInt64(min(PackedFile.mostDescription, bytes.count - PackedFile.headCount)),
      fileCount >= PackedFile.weightsOffset,
      number(4) == UInt64((fileCount - PackedFile.weightsOffset) / MemoryLayout<Float>.stride),
      fileCount % MemoryLayout<Float>.stride == 0
    else { return nil }
    let text = UnsafeRawBufferPointer(
      rebasing: bytes[PackedFile.headCount..<PackedFile.headCount + Int(number(2))])
    guard PackedFile.checksum(text) == number(3) else { return nil }
    description = Array(text)
    floats = Int(number(4))
    weightsChecksum = number(5)
  }
}

/// A mapping of a whole file whose weights lie at a multiple of the large page size.
final class FileMapping {
  private let reserved: UnsafeMutableRawPointer
  private let reservedCount: Int
  /// The mapped bytes.
  let bytes: UnsafeMutableRawBufferPointer

  /// What is said if the file goes away under the mapping, and where that is noted down.
  private let farewell: UnsafeMutablePointer<CChar>?
  private let watch: Int32

  /// Maps `count` bytes of an open file, shared with every process that maps it; `path` is what
  /// messages call it. The descriptor is not needed any more then.
  init?(_ file: Int32, _ path: String, count: Int, writable: Bool) {
    let page = PackedFile.weightsOffset
    reservedCount = count + page
    guard count > 0,
      let reserved = mmap(nil, reservedCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      reserved != MAP_FAILED
    else { return nil }
    self.reserved = reserved
    let aligned = UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: reserved) + UInt(page) - 1) & ~UInt(page - 1))
    let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
    guard let aligned,
      mmap(aligned, count, protection, MAP_SHARED | MAP_FIXED, file, 0) == aligned
    else {
      munmap(reserved, reservedCount)
      return nil
    }
    madvise(aligned, count, MADV_HUGEPAGE)
    bytes = UnsafeMutableRawBufferPointer(start: aligned, count: count)
    farewell = strdup(
      "avp-dist: \(path) became shorter, or its disk failed, while it was in use; start again\n")
    watch = avp_watch_mapping(aligned, count, farewell)
  }

  /// The weights, or what they are to become.
  var weights: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: bytes[PackedFile.weightsOffset...])
  }

  deinit {
    avp_unwatch_mapping(watch)
    munmap(reserved, reservedCount)
    free(farewell)
  }
}
