internal import CKernels
internal import CKernelsAVX2
internal import CKernelsAVX512

extension KernelPath {
  /// Our kernels of this path; nil for OpenBLAS and for what this processor cannot run.
  var table: UnsafePointer<avp_kernels>? {
    switch self {
    case .openblas: nil
    case .portable: avp_kernels_portable()
    case .avx2: avp_has_avx2() != 0 ? avp_kernels_avx2() : nil
    case .avx512: avp_has_avx512() != 0 ? avp_kernels_avx512() : nil
    }
  }

  /// Whether this processor, and the operating system on it, can run the path. Loads OpenBLAS to
  /// see whether it is there.
  package var isAvailable: Bool { self == .openblas ? OpenBLAS.loaded != nil : table != nil }

  /// The highest rate of multiply-adds on one core that a burst of them in registers reached, in
  /// floating-point operations a second; nil for OpenBLAS.
  ///
  /// - Parameter seconds: how long to measure.
  package func measureFMAPeak(seconds: Double = 0.2) -> Double? {
    guard let burst = table?.pointee.fma_burst else { return nil }
    return highestRate(seconds, burst)
  }
}
