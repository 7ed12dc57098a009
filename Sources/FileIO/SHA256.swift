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

  /// The digest of everything added.
  package consuming func digest() -> Digest {
    var bytes = [UInt8](repeating: 0, count: 32)
    Self.check(EVP_DigestFinal_ex(context, &bytes, nil))
    return Digest(bytes: bytes)
  }

  /// The digest of everything added, as 64 hexadecimal digits.
  package consuming func hexadecimal() -> String { digest().hexadecimal }
}

extension SHA256 {
  /// The 32 bytes of a digest.
  package struct Digest: Hashable, Sendable {
    package let bytes: [UInt8]

    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

    /// The digest of `content`.
    package init(of content: [UInt8]) {
      var digest = SHA256()
      digest.update(content)
      self = digest.digest()
    }

    /// The bytes as 64 hexadecimal digits.
    package var hexadecimal: String {
      bytes.map { padded($0, digits: 2, radix: 16) }.joined()
    }
  }
}

/// The SHA-256 of `bytes`, as 64 hexadecimal digits.
package func sha256(_ bytes: [UInt8]) -> String { SHA256.Digest(of: bytes).hexadecimal }

/// The SHA-256 of the file at `path`, as 64 hexadecimal digits; the file is read in pieces.
///
/// - Throws: a ``FileError`` if the file is missing or cannot be read.
package func sha256(fileAt path: String) throws(FileError) -> String {
  try sha256(ByteSource(path: path))
}

/// The SHA-256 of everything in `source`, as 64 hexadecimal digits.
package func sha256(_ source: ByteSource) throws(FileError) -> String {
  var digest = SHA256()
  try source.forEachPiece(0..<source.count) { digest.update($0) }
  return digest.hexadecimal()
}

/// The version of OpenSSL's libcrypto that is loaded.
package func openSSLVersion() -> String {
  // "OpenSSL 3.0.11 19 Sep 2023"
  let words = String(cString: OpenSSL_version(OPENSSL_VERSION)).split(separator: " ")
  return words.count > 1 ? String(words[1]) : "unknown"
}
