internal import CKernels
internal import CKernelsAVX2
internal import CKernelsAVX512

/// Which implementation of the integer kernels computes an int8 backbone; all give the same bits.
package enum IntegerPath: String, CaseIterable, Sendable {
  /// The formulas in plain loops, a thousand times slower: what the others are tested against.
  case reference
  /// For every processor.
  case portable
  /// For x86-64 processors with AVX2.
  case avx2
  /// For x86-64 processors with AVX-512 F, BW, DQ and VL.
  case avx512
  /// For those with AVX2 and AVX-VNNI, which multiply bytes.
  case avxVNNI = "avx-vnni"
  /// For those with AVX-512 and its VNNI.
  case avx512VNNI = "avx512-vnni"
  /// For Arm processors with I8MM.
  case neon

  /// Changes whenever the packed form of any convolution does.
  package static let version = 1

  /// The fastest path of this processor.
  package static var best: IntegerPath {
    [.avx512VNNI, .avxVNNI, .avx512, .avx2, .neon].first(where: \.isAvailable) ?? .portable
  }

  /// Whether this processor, and the operating system on it, can run the path.
  package var isAvailable: Bool { table != nil }

  /// The kernels; nil for what this processor cannot run.
  var table: UnsafePointer<avp_integer_kernels>? {
    switch self {
    case .reference: avp_integers_reference()
    case .portable: avp_integers_portable()
    case .avx2: avp_has_avx2() != 0 ? avp_integers_avx2() : nil
    case .avx512: avp_has_avx512() != 0 ? avp_integers_avx512() : nil
    case .avxVNNI: avp_has_avx_vnni() != 0 ? avp_integers_avx_vnni() : nil
    case .avx512VNNI: avp_has_avx512_vnni() != 0 ? avp_integers_avx512_vnni() : nil
    case .neon: avp_has_i8mm() != 0 ? avp_integers_neon() : nil
    }
  }

  /// The path of the float kernels for the same processors.
  var floatPath: KernelPath {
    switch self {
    case .reference, .portable, .neon: .portable
    case .avx2, .avxVNNI: .avx2
    case .avx512, .avx512VNNI: .avx512
    }
  }

  /// The path that the value of the environment variable `AVP_KERNELS` names, or the best one. There
  /// are no integer kernels of OpenBLAS: with that name the portable ones compute.
  ///
  /// - Throws: a ``KernelPathError`` if there is no such path or this processor cannot run it.
  package static func selected(
    environment: String? = KernelPath.environmentValue
  ) throws(KernelPathError) -> IntegerPath {
    guard let name = environment, !name.isEmpty else { return best }
    if name == KernelPath.openblas.rawValue { return .portable }
    let possible = allCases.filter(\.isAvailable).map(\.rawValue).joined(separator: ", ")
    guard let path = IntegerPath(rawValue: name) else {
      throw KernelPathError(
        "AVP_KERNELS is \"\(name)\", which names no kernels; in int8 this processor can run: "
          + possible)
    }
    guard path.isAvailable else {
      throw KernelPathError(
        "this processor cannot run the \(name) kernels; in int8 it can run: \(possible) "
          + "(the environment variable AVP_KERNELS chooses)")
    }
    return path
  }

  /// The highest rates on one core that bursts in registers reached, in operations a second (two a
  /// multiply-add).
  ///
  /// - Parameter seconds: how long to measure each.
  /// - Returns: that of products of bytes, which convolutions are, and that of words, which tiles of
  ///   Winograd's method are.
  package func measurePeaks(seconds: Double = 0.2) -> (bytes: Double, words: Double) {
    guard let table else { preconditionFailure("\(self) is not to be had here") }
    return (
      highestRate(seconds, table.pointee.byte_burst), highestRate(seconds, table.pointee.word_burst)
    )
  }
}

/// The best of the rates that repeated bursts reach within `seconds`, in operations a second.
func highestRate(_ seconds: Double, _ burst: (Int) -> Double) -> Double {
  let end = avp_seconds() + seconds
  var best = 0.0
  repeat {
    let start = avp_seconds()
    let operations = burst(100_000)
    best = max(best, operations / (avp_seconds() - start))
  } while avp_seconds() < end
  return best
}
