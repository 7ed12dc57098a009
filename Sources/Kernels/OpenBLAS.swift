internal import Glibc

/// The functions of OpenBLAS, which is loaded when they are first asked for.
///
/// Not linked: as it is loaded it starts a thread for each processor, and these spin for some 25 ms.
/// With 64 ranks on two cores that was two seconds of processor time each start, where no rank uses it.
///
/// `@unchecked Sendable`: functions of C do not change.
struct OpenBLAS: @unchecked Sendable {
  /// `cblas_sgemm` of the C interface to the BLAS
  /// (https://netlib.org/blas/blast-forum/cinterface.pdf), whose enumerations are 32-bit integers like
  /// its counts: order, two transpositions, rows, columns, depth, a factor, the first matrix with
  /// its row's length, the second one, a factor, the result.
  typealias Multiply =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32,
      UnsafePointer<Float>, Int32, Float, UnsafeMutablePointer<Float>, Int32
    ) -> Void
  /// Values of those enumerations.
  static let (rowMajor, notTransposed): (Int32, Int32) = (101, 111)

  let multiply: Multiply
  /// Its version and how it was built: "OpenBLAS 0.3.21 DYNAMIC_ARCH ...".
  let configuration: String
  /// The kind of processor whose kernels it took.
  let core: String

  /// The system's library; nil where there is none.
  static let loaded = OpenBLAS("libopenblas.so.0")

  private init?(_ library: String) {
    // It stays loaded to the end, as its functions do not go away.
    guard let library = dlopen(library, RTLD_NOW | RTLD_LOCAL),
      let multiply = dlsym(library, "cblas_sgemm"),
      let setThreads = dlsym(library, "openblas_set_num_threads"),
      let configuration = Self.text("openblas_get_config", library),
      let core = Self.text("openblas_get_corename", library)
    else { return nil }
    self.multiply = unsafeBitCast(multiply, to: Multiply.self)
    self.configuration = configuration
    self.core = core
    // Images, not products, are spread over threads.
    unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
  }

  private static func text(_ function: String, _ library: UnsafeMutableRawPointer) -> String? {
    typealias Text = @convention(c) () -> UnsafePointer<CChar>?
    return dlsym(library, function)
      .flatMap { unsafeBitCast($0, to: Text.self)() }.map { String(cString: $0) }
  }
}

/// The version of OpenBLAS, and the kind of processor whose kernels it took; nil where there is none.
package func openBLASVersion() -> String? {
  OpenBLAS.loaded.map { library in
    let words = library.configuration.split(separator: " ")
    return "\(words.count > 1 ? String(words[1]) : "unknown"), for \(library.core)"
  }
}
