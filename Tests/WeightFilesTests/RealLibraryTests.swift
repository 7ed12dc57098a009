import Foundation
import Testing

@testable import WeightFiles

/// The half of `scripts/test-exports` that reads and writes; the real libraries come before and after.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["AVP_TEST_EXPORTS"] != nil,
    "AVP_TEST_EXPORTS is not set: scripts/test-exports runs this"))
struct RealLibraryTests {
  private let folder = ProcessInfo.processInfo.environment["AVP_TEST_EXPORTS"] ?? ""

  @Test func modelsAreExported() throws {
    let models = "\(folder)/models"
    let names = try FileManager.default.contentsOfDirectory(atPath: models)
    #expect(!names.isEmpty)
    for name in names {
      let place = "\(models)/\(name)"
      let head = try SafeTensorsFile(path: "\(place)/head.safetensors")
      let classes = (0..<(head.shape(of: "fc.2.bias")?.first ?? 0)).map { "class \($0)" }
      let export = try ModelExport(
        backbone: try loadBackboneWeights("\(place)/weights.safetensors"), head: head,
        classes: classes)
      for (format, ending) in [
        (ExportFormat.safetensors, "safetensors"), (.torch, "pth"), (.keras, "h5"), (.onnx, "onnx"),
      ] {
        try export.write(format, to: "\(place)/model.\(ending)")
        try export.write(format, .head, to: "\(place)/head-only.\(ending)")
      }
      try export.write(.onnx, preprocessing: true, to: "\(place)/pixels.onnx")
    }
  }

  @Test(arguments: ["model.weights.h5", "model.keras", "model.h5", "model.pth"])
  func fullSizeFilesAreRead(_ name: String) throws {
    let expected = try SafeTensorsFile(path: "\(folder)/imports/expected.safetensors")
    let weights = try loadBackboneWeights("\(folder)/imports/\(name)")
    #expect(weights.layout.architecture == "resnet50")
    #expect(weights.conventions == (name == "model.pth" ? .torchvision : .keras))
    #expect(weights.names == expected.names)
    for tensor in expected.names {
      let same = try weights.floats(tensor) == expected.floats(tensor)
      #expect(same, "\(tensor)")
    }
  }
}
