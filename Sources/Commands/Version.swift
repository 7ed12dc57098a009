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

/// What tells builds of the program apart, its build id and size, without reading all of it: on a host with many ranks that
/// takes longer than everything else at the start.
var buildIdentity: String {
  var bytes = [UInt8](repeating: 0, count: 6)
  guard avp_build_id(&bytes, bytes.count) == bytes.count,
    let size = try? ByteSource(path: "/proc/self/exe").count
  else { return buildDigits }
  return bytes.map { padded($0, digits: 2, radix: 16) }.joined() + " of \(size) bytes"
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
      ("MPI", mpiLibraryVersion()), ("OpenBLAS", openBLASVersion() ?? "not there"),
    ] + codecVersions().map { ($0.library, $0.version) } + [
      ("HDF5", hdf5Version()), ("OpenSSL", openSSLVersion()),
    ]
  return (["avp-dist \(toolVersion)"] + facts.map { "\($0.0.padding(to: 8))  \($0.1)" })
    .joined(separator: "\n")
}
