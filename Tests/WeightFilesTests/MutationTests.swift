import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// Damaged copies of good files of every format: reading must end with weights or a message.
@Suite struct MutationTests {
  private static let files = [
    "reference.safetensors", "zip.pth", "legacy.pth", "checkpoint.pth", "keras2016.h5",
    "keras3.weights.h5", "keras3.keras", "unfolded.onnx", "folded.onnx",
  ]

  @Test(arguments: files)
  func changedBytes(_ name: String) throws {
    let whole = try Golden.bytes(name)
    var random = CounterRandom(seed: 1, purpose: .demoFigures)
    for _ in 0..<150 {
      var bytes = whole
      for _ in 0..<(1 << random.below(5)) {
        // Structures stand at the beginning or at the end, tensors in between.
        let span = random.below(3) == 0 ? bytes.count : min(bytes.count, 4096)
        let offset =
          random.below(2) == 0 ? random.below(span) : bytes.count - 1 - random.below(span)
        bytes[offset] =
          random.below(3) == 0
          ? [0, 1, 0x7F, 0x80, 0xFF][random.below(5)] : UInt8(random.below(256))
      }
      _ = failure { try loadBackboneWeights(bytes: bytes, path: name) }
    }
  }

  @Test(arguments: files)
  func truncations(_ name: String) throws {
    let whole = try Golden.bytes(name)
    for length in stride(from: 0, to: whole.count - 1, by: max(1, whole.count / 150)) {
      let bytes = Array(whole[..<length])
      let error = failure { try loadBackboneWeights(bytes: bytes, path: name) }
      // The end of an HDF5 file can be padding; everything else must be missed.
      if !name.contains("h5") { #expect(error != nil, "\(length) of \(whole.count) bytes") }
    }
  }
}
