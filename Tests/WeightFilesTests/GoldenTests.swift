import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// The small weight files that `scripts/make-golden-weights` wrote with the real libraries.
enum Golden {
  static func path(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)").path()
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path(name))))
  }

  static func reference() throws -> SafeTensorsFile {
    try SafeTensorsFile(path: path("reference.safetensors"))
  }
}

@Suite struct GoldenTests {
  static let files = [
    "reference.safetensors", "f16.safetensors", "bf16.safetensors", "f64.safetensors",
    "sharded/model.safetensors.index.json", "hugging-face.safetensors", "zip.pth", "legacy.pth",
    "bf16.pth", "checkpoint.pth", "checkpoint-legacy.pth", "keras2016.h5", "keras2019.h5",
    "keras3.weights.h5", "keras3-unnamed.weights.h5", "keras3-model.h5", "keras3.keras",
    "unfolded.onnx", "f16.pth", "f64.pth",
  ]

  /// The numbers in the files are multiples of 1/256, so no format and no folded bias rounds them.
  @Test(arguments: files)
  func everyFormatGivesTheSameTensors(_ name: String) throws {
    let reference = try Golden.reference()
    let weights = try loadBackboneWeights(Golden.path(name))
    #expect(weights.names == reference.names)
    for tensor in reference.names {
      #expect(try weights.floats(tensor) == reference.floats(tensor), "\(tensor)")
    }
    #expect(weights.layout.architecture == "resnet14_base2")
    #expect(weights.head.names == [])
  }

  @Test func conventionsOfEachFamily() throws {
    func facts(_ name: String) throws -> BackboneWeights {
      try loadBackboneWeights(Golden.path(name))
    }
    for name in ["zip.pth", "legacy.pth", "reference.safetensors", "hugging-face.safetensors"] {
      let weights = try facts(name)
      #expect(weights.conventions == .torchvision)
      #expect(weights.conventionsOrigin == .torchvisionDefault)
      #expect(weights.pixels == .torch)
    }
    let old = try facts("keras2016.h5")
    #expect(old.conventions == .keras2016)
    #expect(old.conventionsOrigin == .keras2016Names)
    for name in ["keras2019.h5", "keras3.weights.h5", "keras3-unnamed.weights.h5"] {
      let weights = try facts(name)
      #expect(weights.conventions == .keras)
      #expect(weights.conventionsOrigin == .kerasNames)
      #expect(weights.pixels == .caffe)
    }
    for name in ["keras3-model.h5", "keras3.keras"] {
      let weights = try facts(name)
      #expect(weights.conventions == .keras)
      #expect(weights.conventionsOrigin == .configuration)
    }
    #expect(try facts("unfolded.onnx").conventions == .torchvision)
    #expect(try facts("unfolded.onnx").conventionsOrigin == .graph)
    let folded = try facts("folded.onnx").conventions
    #expect(folded.stridePosition == .firstConvolution)
    #expect(folded.maxPool == .ceiling)
  }

  /// The same weights in another format have the same fingerprint; under other conventions another
  /// one.
  @Test func fingerprintsFollowTheContent() throws {
    func fingerprint(_ name: String) throws -> String {
      try loadBackboneWeights(Golden.path(name)).fingerprint
    }
    let torch = try fingerprint("zip.pth")
    #expect(torch.count == 64)
    #expect(try fingerprint("bf16.safetensors") == torch)
    #expect(try fingerprint("checkpoint-legacy.pth") == torch)
    #expect(try fingerprint("keras2019.h5") != torch)
    #expect(try fingerprint("keras2019.h5") == fingerprint("keras3.keras"))
  }

  /// Exporting folded each batch-norm into its convolution: weight and bias must be what that
  /// gives.
  @Test(arguments: ["folded.onnx", "dynamo.onnx"])
  func foldedConvolutionsAreTheProducts(_ file: String) throws {
    let reference = try Golden.reference()
    let weights = try loadBackboneWeights(Golden.path(file))
    for name in reference.names where reference.shape(of: name)?.count == 4 {
      let kernel = try reference.floats(name)
      let convolution = String(name.dropLast(".weight".count))
      let norm =
        convolution.hasSuffix("downsample.0")
        ? "\(convolution.dropLast())1" : convolution.replacing("conv", with: "bn")
      let gamma = try reference.floats("\(norm).weight").values
      let beta = try reference.floats("\(norm).bias").values
      let mean = try reference.floats("\(norm).running_mean").values
      let variance = try reference.floats("\(norm).running_var").values
      let folded = try weights.floats(name)
      let bias = try weights.floats("\(norm).bias").values
      let size = kernel.values.count / gamma.count
      for channel in gamma.indices {
        let factor = Double(gamma[channel]) / (Double(variance[channel]) + 1e-5).squareRoot()
        for index in channel * size..<(channel + 1) * size {
          let expected = Double(kernel.values[index]) * factor
          #expect(abs(Double(folded.values[index]) - expected) <= 1e-6 + 1e-6 * abs(expected))
        }
        let expected = Double(beta[channel]) - Double(mean[channel]) * factor
        #expect(abs(Double(bias[channel]) - expected) <= 1e-6 + 1e-6 * abs(expected))
      }
      #expect(try weights.floats("\(norm).running_mean").values.allSatisfy { $0 == 0 })
    }
  }

  @Test func classifiersAreTheHead() throws {
    let weights = try loadBackboneWeights(Golden.path("classifier.pth"))
    #expect(weights.names == (try Golden.reference().names))
    #expect(weights.head.names == ["fc.bias", "fc.weight"])
    #expect(weights.head.shape(of: "fc.weight") == [3, 64])
    #expect(try weights.head.floats("fc.bias").values == [0.25, 0, -0.5])
  }

  @Test func filesInMemoryAreReadToo() throws {
    for name in Self.files where !name.hasSuffix("json") {
      let bytes = try Golden.bytes(name)
      let weights = try loadBackboneWeights(bytes: bytes, path: "embedded")
      #expect(weights.path == "embedded")
    }
  }
}
