internal import CBuildInfo
import FileIO
import ImageCodecs
import Kernels
import MPICollectives
import TensorFormats

/// The tool's version, written into everything it makes.
let toolVersion = "0.2.0-dev"

/// The first digits of the program's SHA-256.
var buildDigits: String {
  ((try? sha256(fileAt: "/proc/self/exe")) ?? "unknown").prefix(12).description
}

/// The version, and what the program is made of and has loaded.
func versionText() -> String {
  let commit = String(cString: avp_build_commit())
  let kernels = KernelPath.allCases.filter(\.isAvailable).map(\.rawValue)
  let integers = IntegerPath.allCases.filter(\.isAvailable).map(\.rawValue)
  let facts: [(String, String)] =
    [
      ("build", "\(buildDigits), the first digits of the program's SHA-256"),
      ("commit", commit.isEmpty ? "unknown: not built by scripts/build" : commit),
      ("kernels", "\(kernels.joined(separator: ", ")) on this processor"),
      ("int8", integers.joined(separator: ", ")),
      ("MPI", mpiLibraryVersion()), ("OpenBLAS", openBLASVersion()),
    ] + codecVersions().map { ($0.library, $0.version) } + [
      ("HDF5", hdf5Version()), ("OpenSSL", openSSLVersion()),
    ]
  return (["avp-dist \(toolVersion)"] + facts.map { "\($0.0.padding(to: 8))  \($0.1)" })
    .joined(separator: "\n")
}
