internal import Glibc

/// Which implementation of the kernels computes the backbone.
package enum KernelPath: String, CaseIterable, Codable, Sendable {
  /// Our kernels over 4-float vectors that every processor has.
  case portable
  /// Matrix products of OpenBLAS, one image at a time.
  case openblas
  /// Our kernels for x86-64 processors with AVX2 and FMA.
  case avx2
  /// Our kernels for x86-64 processors with AVX-512 F, BW, DQ and VL.
  case avx512

  /// Changes whenever the packed form of any convolution, or the bits that a path computes, do.
  package static let version = 4

  /// The fastest path of this processor.
  package static var best: KernelPath {
    [.avx512, .avx2, .openblas].first(where: \.isAvailable) ?? .portable
  }

  /// What decides the bits of this path, in words: OpenBLAS has kernels of its own for each kind of
  /// processor, and other ones in another version.
  package var identity: String {
    let own = "\(rawValue) \(Self.version)"
    // "OpenBLAS 0.3.21 DYNAMIC_ARCH ... Zen ..."
    return self == .openblas ? "\(own) \(OpenBLAS.loaded?.configuration ?? "")" : own
  }

  /// The path that the value of the environment variable `AVP_KERNELS` names, or the best one; for
  /// the name of an ``IntegerPath`` that of the same processors.
  ///
  /// - Throws: a ``KernelPathError`` if there is no such path or this processor cannot run it.
  package static func selected(
    environment: String? = environmentValue
  ) throws(KernelPathError) -> KernelPath {
    guard let name = environment, !name.isEmpty else { return best }
    guard let path = KernelPath(rawValue: name) ?? IntegerPath(rawValue: name)?.floatPath else {
      throw KernelPathError(
        "AVP_KERNELS is \"\(name)\", which names no kernels; this host can run: \(possible)")
    }
    try path.check()
    return path
  }

  /// Checks that this processor can run the path.
  ///
  /// - Throws: a ``KernelPathError`` if it cannot.
  package func check() throws(KernelPathError) {
    if isAvailable { return }
    throw KernelPathError(
      "this host cannot run the \(rawValue) kernels; it can run: \(Self.possible) "
        + "(the environment variable AVP_KERNELS chooses)")
  }

  private static var possible: String {
    allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", ")
  }

  /// The value of the environment variable `AVP_KERNELS`, if it is set.
  package static var environmentValue: String? {
    getenv("AVP_KERNELS").map { String(cString: $0) }
  }
}

/// A kernel path that was asked for and cannot be had, as a sentence for a person.
package struct KernelPathError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The whole message.
  package let description: String

  init(_ description: String) { self.description = description }
}
