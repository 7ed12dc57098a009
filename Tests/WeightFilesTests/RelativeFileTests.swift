import Foundation
import Tensors
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// Files that are near to weight files: what they are, and what to do, is said.
@Suite struct RelativeFileTests {
  private func zip(_ names: [String], compressing: Bool = false) throws -> FileError? {
    let folder = TemporaryFolder()
    var zip = try ZipWriter(to: folder.file("a.zip"))
    for name in names { try zip.add(name, [1, 2, 3, 4]) }
    try zip.finish()
    var bytes = try ByteSource(path: folder.file("a.zip")).wholeFile()
    for offset in bytes.indices where bytes[offset...].starts(with: [0x50, 0x4B, 0x01, 0x02]) {
      bytes[offset + 10] = compressing ? 8 : 0
    }
    let archive = bytes
    return failure { try loadBackboneWeights(bytes: archive, path: "a.zip") }
  }

  /// Compressed entries do not hide what an archive is.
  @Test(arguments: [false, true])
  func archivesAreNamed(_ compressing: Bool) throws {
    for (names, part) in [
      (["m/data.pkl", "m/constants.pkl", "m/code/m.py"], "torch.jit.load(\"a.zip\").state_dict()"),
      (["m/archive_format", "m/models/model.json"], "torch.export.load(\"a.zip\").state_dict"),
      (["notes.txt", "run/best.PTH", "run/last.pth"], "the weight file \"run/best.PTH\" inside"),
      (["notes.txt"], "neither of PyTorch nor of Keras"),
    ] {
      let error = try zip(names, compressing: compressing)
      #expect(error?.kind == .unsupported)
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
  }

  @Test(
    arguments: [
      ([0x1F, 0x8B, 8, 0], "gzip"), (Array("BZh91".utf8), "bzip2"),
      ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([UInt8](repeating: 9, count: 257) + "ustar".utf8, "tar"),
    ] as [([UInt8], String)])
  func packedFilesAreNamed(_ bytes: [UInt8], _ kind: String) {
    let error = failure { try loadBackboneWeights(bytes: bytes, path: "model.pth.gz") }
    #expect(error?.description.contains("is packed with \(kind): unpack it") == true)
  }

  /// MoCo saves the network that learns and the one that follows it.
  @Test func twoNetworksInAFileAreNamed() throws {
    let reference = try Golden.reference()
    var tensors: [String: Tensor<Float>] = ["queue": Tensor(shape: [1], values: [1])]
    for name in reference.names {
      for network in ["encoder_q", "encoder_k"] {
        tensors["\(network).\(name)"] = try reference.floats(name)
      }
    }
    let error = failure { try loadBackboneWeights(tensors: TensorTable(tensors)) }
    #expect(error?.kind == .unsupported)
    #expect(
      error?.description.contains(
        "holds 2 networks, under \"encoder_k.\" and \"encoder_q.\"; save one of them alone") == true
    )
    #expect(error?.description.contains(#"name.split("encoder_k.")[1]"#) == true)
    // One of them alone is taken.
    let one = tensors.filter { $0.key.hasPrefix("encoder_q.") }
    #expect(try loadBackboneWeights(tensors: TensorTable(one)).names == reference.names)
  }
}

/// Files that people have and that once were read wrong or refused for a wrong reason.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["AVP_TEST_CASES"] != nil, "AVP_TEST_CASES is not set"))
struct CaseFileTests {
  private func path(_ name: String) -> String {
    (ProcessInfo.processInfo.environment["AVP_TEST_CASES"] ?? "") + "/" + name
  }

  @Test(arguments: [
    ("torchscript.pt", "is a TorchScript program"), ("quantised.onnx", "is quantised"),
  ])
  func refusedWithTheRightReason(_ name: String, _ reason: String) {
    let error = failure { try loadBackboneWeights(path(name)) }
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains(reason) == true)
  }

  @Test(arguments: ["python2.pth.tar", "harmless-set.pth"])
  func read(_ name: String) throws {
    #expect(try loadBackboneWeights(path(name)).conventions == .torchvision)
  }

  @Test func theRescalingOfTheFile() throws {
    let weights = try loadBackboneWeights(path("keras-rescaling.keras"))
    #expect(
      weights.pixels
        == Normalisation(
          channelOrder: .rgb, scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1]))
    #expect(weights.pixelsOrigin == .configuration)
  }
}
