internal import COpenBLAS
internal import Glibc

/// The functions of OpenBLAS, which is loaded when they are first asked for.
///
/// Not linked: as it is loaded it starts a thread for each processor, and these spin for some 25 ms.
/// With 64 ranks on a host that was a second of processor time each start, where no rank uses it.
///
/// `@unchecked Sendable`: functions of C do not change.
struct OpenBLAS: @unchecked Sendable {
  let multiply: @convention(c) (
    CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, Float,
    UnsafePointer<Float>?, blasint, UnsafePointer<Float>?, blasint, Float,
    UnsafeMutablePointer<Float>?, blasint
  ) -> Void
  /// Its version and how it was built: "OpenBLAS 0.3.21 DYNAMIC_ARCH ...".
  let configuration: String
  /// The kind of processor whose kernels it took.
  let core: String

  /// The system's library; nil where there is none.
  static let loaded = OpenBLAS("libopenblas.so.0")

  private init?(_ library: String) {
    // It stays loaded to the end, as its functions do not go away.
    guard let library = dlopen(library, RTLD_NOW | RTLD_LOCAL),
      let multiply = avp_cblas_sgemm(library),
      let setThreads = avp_openblas_set_num_threads(library),
      let configuration = avp_openblas_get_config(library)?(),
      let core = avp_openblas_get_corename(library)?()
    else { return nil }
    self.multiply = multiply
    self.configuration = String(cString: configuration)
    self.core = String(cString: core)
    // Images, not products, are spread over threads.
    setThreads(1)
  }
}

/// The version of OpenBLAS, and the kind of processor whose kernels it took; nil where there is none.
package func openBLASVersion() -> String? {
  OpenBLAS.loaded.map { library in
    let words = library.configuration.split(separator: " ")
    return "\(words.count > 1 ? String(words[1]) : "unknown"), for \(library.core)"
  }
}
