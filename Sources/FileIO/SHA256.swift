internal import CCrypto

/// A SHA-256 digest that grows with the bytes it is given.
///
/// - Precondition: ``isAvailable``. Everything that is found again by a digest would be the same
///   thing otherwise, so a program asks once, at its start.
package struct SHA256: ~Copyable {
  // libcrypto owns the state; this struct is its only holder.
  private let context: OpaquePointer?

  /// Whether libcrypto can compute SHA-256. It cannot where its configuration loads no provider that
  /// does, as on a host in FIPS mode whose provider is missing.
  package static var isAvailable: Bool {
    var digest = [UInt8](repeating: 0, count: 32)
    // FIPS 180-4: the digest of "abc" begins like this.
    return EVP_Digest("abc", 3, &digest, nil, EVP_sha256(), nil) == 1
      && digest.starts(with: [0xba, 0x78, 0x16, 0xbf])
  }

  /// Starts an empty digest.
  package init() {
    context = EVP_MD_CTX_new()
    Self.check(EVP_DigestInit_ex(context, EVP_sha256(), nil))
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds `bytes`.
  package mutating func update(_ bytes: [UInt8]) { add(bytes) }

  /// Adds the little-endian bytes of `values`.
  package mutating func update(_ values: [Float]) { add(values) }

  private mutating func add(_ values: [some BitwiseCopyable]) {
    values.withUnsafeBytes { bytes in
      Self.check(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count))
    }
  }

  private static func check(_ code: Int32) {
    precondition(code == 1, "libcrypto cannot compute SHA-256")
  }

  /// The digest of everything added, as 64 hexadecimal digits.
  package consuming func hexadecimal() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    Self.check(EVP_DigestFinal_ex(context, &digest, nil))
    return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// The SHA-256 of `bytes`, as 64 hexadecimal digits.
package func sha256(_ bytes: [UInt8]) -> String {
  var digest = SHA256()
  digest.update(bytes)
  return digest.hexadecimal()
}

/// The SHA-256 of the file at `path`, as 64 hexadecimal digits; the file is read in pieces.
///
/// - Throws: a ``FileError`` if the file is missing or cannot be read.
package func sha256(fileAt path: String) throws(FileError) -> String {
  try sha256(ByteSource(path: path))
}

/// The SHA-256 of everything in `source`.
package func sha256(_ source: ByteSource) throws(FileError) -> String {
  var digest = SHA256()
  var offset = 0
  while offset < source.count {
    let piece = try source.bytes(at: offset, count: min(1 << 20, source.count - offset))
    digest.update(piece)
    offset += piece.count
  }
  return digest.hexadecimal()
}
