internal import COpenBLAS

/// The version of the OpenBLAS that is loaded, and the kind of processor whose kernels it took.
package func openBLASVersion() -> String {
  // "OpenBLAS 0.3.21 DYNAMIC_ARCH ..."
  let words = String(cString: openblas_get_config()).split(separator: " ")
  let version = words.count > 1 ? String(words[1]) : "unknown"
  return "\(version), for \(String(cString: openblas_get_corename()))"
}
