internal import CMPIShim

/// The name and version of the MPI library, "unknown" where it does not say.
package func mpiLibraryVersion() -> String {
  var text = [CChar](repeating: 0, count: 256)
  guard avp_mpi_library(&text, Int32(text.count)) == 0 else { return "unknown" }
  let line = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  return String(line.prefix { $0 != "," && $0 != "\n" })
}
