import FileIO
import Foundation
import Kernels
import ResNet
import Testing

/// The packed form is kept on disk between versions of the tool.
@Suite struct PackedFormTests {
  /// SHA-256 of the packed weights of a small network. Where one of these changes, raise
  /// `KernelPath.version` with it, or files of earlier versions are taken for good.
  private static let digests: [KernelPath: String] = [
    .portable: "ea3af0ea391bf86ce638172e483c9c3ba90d6a8fe5974c6e0faeaaf262045ef4",
    .openblas: "27ca1af9ea40cc990887d54be3c8372a60b7c60e9137f43fbe0c699e22d4b73d",
    .avx2: "a67bb16643e1e872a236fbaa77f1c54576cf112098f8c522402f943ef08ad26c",
    .avx512: "f5761a6830754a8795e2d959824068af5f26c91514e692137b594e9a5d5973b0",
  ]

  @Test func theVersionBelongsToTheDigests() { #expect(KernelPath.version == 4) }

  // Elsewhere multiply-adds of the weights' transform may be fused, which changes last bits.
  #if arch(x86_64)
    @Test(arguments: availablePaths) func packedBytesAreThoseOfThisVersion(path: KernelPath) throws
    {
      let folder = NSTemporaryDirectory() + "packed-form-\(UUID().uuidString)"
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let backbone = try FloatBackbone(
        weights: smallNetwork(blocks: [1, 1], width: 24),
        packedCache: PackedCache(folder: folder, fingerprint: "abc"), kernels: path, inputSize: 64)
      #expect(backbone.cacheWarning == nil)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      let name = try #require(names.first { $0.hasSuffix(".packed") })
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      // The weights begin at 2 MB.
      #expect(sha256([UInt8](bytes.dropFirst(2 << 20))) == Self.digests[path])
    }
  #endif
}
