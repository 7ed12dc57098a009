import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// What the written graphs compute, node by node: a wrong sign or axis reads back as sound weights.
@Suite struct ExportedGraphTests {
  private func graph(_ file: String, preprocessing: Bool = true) throws -> ONNXFile {
    let folder = TemporaryFolder()
    try ExportTests.export(file).write(
      .onnx, preprocessing: preprocessing, to: folder.file("model.onnx"))
    return try ONNXFile(ByteSource([UInt8](folder.bytes("model.onnx")), path: "model.onnx"))
  }

  /// The node that makes the value `name`.
  private func maker(of name: String?, in file: ONNXFile) throws -> ONNXFile.Node {
    try #require(file.nodes.first { $0.outputs.first == name })
  }

  /// One pixel through the nodes before the first convolution.
  private func preprocessed(_ pixel: [Double], in file: ONNXFile) throws -> [Double] {
    var values = pixel
    for node in file.nodes.prefix(while: { $0.operation != "Conv" }) {
      let constant = node.inputs.last ?? ""
      switch node.operation {
      case "Cast": #expect(node.integers["to"] == [1])
      case "Gather":
        #expect(node.integers["axis"] == [3])
        values = try #require(file.integers(constant)).map { values[$0] }
      case "Mul": values = zip(values, try file.floats(constant).values).map { $0 * Double($1) }
      case "Add": values = zip(values, try file.floats(constant).values).map { $0 + Double($1) }
      case "Transpose": #expect(node.integers["perm"] == [0, 3, 1, 2])
      default: Issue.record("\(node.operation) before the first convolution")
      }
    }
    return values
  }

  @Test(arguments: ["zip.pth", "keras2019.h5"]) func pixelsAreNormalised(_ file: String) throws {
    let pixels = try loadBackboneWeights(Golden.path(file)).pixels
    let graph = try graph(file)
    let input = try #require(graph.nodes.first { $0.operation == "Conv" }?.inputs.first)
    #expect(try maker(of: input, in: graph).operation == "Transpose")
    for rgb in [[0.0, 0, 0], [255, 255, 255], [10, 100, 200]] {
      let ordered = pixels.channelOrder == .bgr ? rgb.reversed() : rgb
      let expected = (0..<3).map {
        (ordered[$0] * pixels.scale - pixels.mean[$0]) / pixels.std[$0]
      }
      for (value, wanted) in zip(try preprocessed(rgb, in: graph), expected) {
        #expect(abs(value - wanted) < 1e-4, "\(rgb)")
      }
    }
  }

  @Test func theHeadEndsInProbabilitiesOfTheClasses() throws {
    let file = try graph("zip.pth", preprocessing: false)
    let softmax = try #require(file.nodes.last)
    #expect(softmax.operation == "Softmax" && softmax.outputs == ["probabilities"])
    #expect(softmax.integers["axis"] == [1])
    var value = softmax.inputs.first
    for (operation, weights) in [("Gemm", "fc.2"), ("Relu", nil), ("Gemm", "fc.0")] {
      let node = try maker(of: value, in: file)
      #expect(node.operation == operation)
      if let weights {
        #expect(node.inputs.dropFirst() == ["\(weights).weight", "\(weights).bias"])
        #expect(node.integers["transB"] == [1])
      }
      value = node.inputs.first
    }
    let flatten = try maker(of: value, in: file)
    #expect(flatten.operation == "Flatten" && flatten.integers["axis"] == [1])
    #expect(try maker(of: flatten.inputs.first, in: file).operation == "GlobalAveragePool")
  }

  private struct KerasLayer {
    let name: String
    let kind: String
    let settings: [String: Any]
    let inputs: [String]

    func pair(_ name: String) -> Int? { (settings[name] as? [Int])?.first }
    var isSame: Bool { settings["padding"] as? String == "same" }
  }

  private func layers(_ file: String) throws -> [KerasLayer] {
    let folder = TemporaryFolder()
    try ExportTests.export(file).write(.keras, to: folder.file("model.h5"))
    let object = try JSONSerialization.jsonObject(with: folder.bytes("model.json"))
    let configuration = (object as? [String: Any])?["config"] as? [String: Any]
    let layers = try #require(configuration?["layers"] as? [[String: Any]])
    return try layers.map { layer in
      let nodes = layer["inbound_nodes"] as? [[[Any]]] ?? []
      return KerasLayer(
        name: try #require(layer["name"] as? String),
        kind: try #require(layer["class_name"] as? String),
        settings: try #require(layer["config"] as? [String: Any]),
        inputs: nodes.joined().compactMap { $0.first as? String })
    }
  }

  /// "same" adds zeros on both sides only where the stride is 1; elsewhere a layer of its own does.
  @Test(arguments: ["zip.pth", "keras2019.h5"])
  func everyWindowHasThePaddingOfPyTorch(_ file: String) throws {
    let layers = try layers(file)
    let pool = try loadBackboneWeights(Golden.path(file)).conventions.maxPool
    for layer in layers where ["Conv2D", "MaxPooling2D"].contains(layer.kind) {
      let kernel = try #require(layer.pair("kernel_size") ?? layer.pair("pool_size"))
      let stride = try #require(layer.pair("strides"))
      let before = layers.first { $0.name == layer.inputs.first }
      let zeros = (before?.settings["padding"] as? [[Int]])?.joined().max() ?? 0
      if layer.kind == "MaxPooling2D" {
        #expect(zeros == (pool == .padded ? 1 : 0) && layer.isSame == (pool == .ceiling))
      } else if stride == 1 && kernel > 1 {
        #expect(layer.isSame && zeros == 0, "\(layer.name)")
      } else {
        #expect(!layer.isSame && zeros == kernel / 2, "\(layer.name)")
      }
    }
    let dense = layers.filter { $0.kind == "Dense" }.map { $0.settings["activation"] as? String }
    #expect(dense == ["relu", "softmax"])
    let sums = layers.filter { $0.kind == "Add" }
    #expect(!sums.isEmpty && sums.allSatisfy { Set($0.inputs).count == 2 })
  }
}

extension TemporaryFolder {
  fileprivate func bytes(_ name: String) throws -> Data {
    try Data(contentsOf: URL(filePath: file(name)))
  }
}
