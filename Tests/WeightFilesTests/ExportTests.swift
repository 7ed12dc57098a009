import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

@Suite struct ExportTests {
  /// A head of 64 features, 5 hidden units and 3 classes with distinct numbers.
  static func head(features: Int = 64) -> TensorTable {
    func values(_ shape: [Int], _ factor: Float) -> Tensor<Float> {
      let count = shape.reduce(1, *)
      return Tensor(shape: shape, values: (0..<count).map { factor * Float($0 % 17 - 8) })
    }
    return TensorTable([
      "fc.0.weight": values([5, features], 0.01), "fc.0.bias": values([5], 0.1),
      "fc.2.weight": values([3, 5], 0.2), "fc.2.bias": values([3], 0.3),
    ])
  }

  static func export(_ file: String, featureLayer: String? = nil) throws -> ModelExport {
    let layer = featureLayer.flatMap { Int($0.suffix(1)) } ?? 4
    return try ModelExport(
      backbone: try loadBackboneWeights(Golden.path(file)), featureLayer: featureLayer,
      head: head(features: 4 << layer), classes: ["alien", "predator", "über \"x\""],
      metadata: ["preset": "keras"])
  }

  /// A file of each family of conventions.
  static let files = ["zip.pth", "keras2016.h5", "keras2019.h5", "folded.onnx"]

  @Test(arguments: files, ExportFormat.allCases)
  func wholeModelsAreReadBack(_ file: String, _ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    let path = folder.file("model.out")
    let export = try Self.export(file)
    let before = export.backbone
    let notes = try export.write(format, to: path)
    #expect(notes[0].contains("resnet14_base2"))
    let after = try loadBackboneWeights(path)
    for name in before.names {
      #expect(try after.floats(name) == before.floats(name), "\(name)")
    }
    #expect(after.fingerprint == before.fingerprint)
    #expect(after.conventions == before.conventions)
    #expect(after.pixels == before.pixels)
    #expect(after.metadata["classes"] == #"["alien","predator","über \"x\""]"#)
    #expect(after.metadata["preset"] == "keras")
    for name in Self.head().names {
      #expect(try after.head.floats(name) == Self.head().floats(name))
    }
    #expect(try loadHead(path).floats("fc.0.weight") == Self.head().floats("fc.0.weight"))
  }

  @Test(arguments: ExportFormat.allCases)
  func headsAreReadBack(_ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    let path = folder.file("head.h5")
    try Self.export("zip.pth").write(format, .head, to: path)
    let head = try loadHead(path)
    for name in head.names { #expect(try head.floats(name) == Self.head().floats(name)) }
    #expect(head.names.count == 4)
    #expect(head.metadata["classes"]?.hasPrefix("[\"alien\"") == true)
    #expect(failure { try loadBackboneWeights(path) } != nil)
    #expect(folder.contents == (format == .keras ? ["head.h5", "head.json"] : ["head.h5"]))
    #expect(format.files(at: path).count == folder.contents.count)
  }

  @Test(arguments: ExportFormat.allCases)
  func equalModelsGiveEqualBytes(_ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    for name in ["a", "b"] { try Self.export("zip.pth").write(format, to: folder.file(name)) }
    #expect(try sha256(fileAt: folder.file("a")) == sha256(fileAt: folder.file("b")))
  }

  @Test(arguments: ExportFormat.allCases)
  func aTrunkEndsAtTheFeatureLayer(_ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    let path = folder.file("model")
    let notes = try Self.export("keras2019.h5", featureLayer: "layer3").write(format, to: path)
    let after = try loadBackboneWeights(path)
    #expect(after.layout.stageNames == ["layer1", "layer2", "layer3"])
    #expect(after.metadata["feature_dim"] == "32")
    if format == .torch {
      #expect(notes.last?.contains("stride 2 on conv1") == true)
      #expect(notes.last?.contains("no stages after layer3") == true)
      #expect(notes.last?.contains("eps=1.001e-5") == true)
    }
  }

  @Test func graphsWithPreprocessingAreReadBackToo() throws {
    let folder = TemporaryFolder()
    for file in ["zip.pth", "keras2019.h5"] {
      let export = try Self.export(file)
      let notes = try export.write(.onnx, preprocessing: true, to: folder.file("model"))
      #expect(notes[1].contains("RGB bytes"))
      #expect(
        try loadBackboneWeights(folder.file("model")).fingerprint == export.backbone.fingerprint)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let backbone = try loadBackboneWeights(Golden.path("zip.pth"))
    let short = failure {
      try ModelExport(
        backbone: backbone, head: Self.head(features: 32), classes: ["a", "b", "c"])
    }
    #expect(short?.entry == "fc.0.weight")
    let classes = failure {
      try ModelExport(backbone: backbone, head: Self.head(), classes: ["a", "b"])
    }
    #expect(classes?.entry == "fc.2.weight")
    let layer = failure {
      try ModelExport(
        backbone: backbone, featureLayer: "layer5", head: Self.head(), classes: ["a", "b", "c"])
    }
    #expect(layer?.description.contains("layer5") == true)
  }

  @Test(arguments: ExportFormat.allCases)
  func foldersThatDoNotExistAreNamed(_ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    let path = folder.file("none/model")
    let error = failure { try Self.export("zip.pth").write(format, to: path) }
    #expect(error?.kind == .cannotCreate)
    #expect(error?.path == path)
    #expect(folder.contents == [])
  }

  @Test func placesOfArchitectures() {
    #expect(ModelExport.architecturePath(for: "a.b/model.h5") == "a.b/model.json")
    #expect(ModelExport.architecturePath(for: "/x/model") == "/x/model.json")
  }

  @Test func namesThatKerasWouldNotLoad() {
    for name in ["model.json", "model", "model.H5", ".h5", "a.h5/model", "x/model.weights.h5"] {
      #expect(ExportFormat.keras.objection(to: name)?.contains("model.h5") == true, "\(name)")
    }
    for name in ["model.h5", "x/weights.hdf5"] {
      #expect(ExportFormat.keras.objection(to: name) == nil)
    }
    for format in ExportFormat.allCases where format != .keras {
      #expect(format.objection(to: "model") == nil)
    }
  }

  /// Metadata hides what the configuration of layers, or the graph, says: without it, that must be
  /// right too.
  @Test(arguments: files, [ExportFormat.keras, .onnx])
  func architecturesAreRightWithoutMetadata(_ file: String, _ format: ExportFormat) throws {
    let folder = TemporaryFolder()
    let path = folder.file("model.h5")
    let export = try Self.export(file)
    try export.write(format, to: path)
    let names =
      format == .keras
      ? ["avp_dist"]
      : ["stride_in_1x1", "bn_eps", "maxpool", "mean", "std", "blocks", "channel_order"]
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    for name in names {
      // A key of ONNX's metadata is a field of the number 1, preceded by its length.
      let mark = (format == .keras ? [] : [0x0A, UInt8(name.utf8.count)]) + Array(name.utf8)
      try #require(hide(mark, in: &bytes))
    }
    let after = try loadBackboneWeights(bytes: bytes, path: "without metadata")
    #expect(after.conventionsOrigin == (format == .keras ? .configuration : .graph))
    #expect(after.conventions == export.backbone.conventions)
    // They follow from the place of the stride.
    #expect(after.pixels == export.backbone.pixels)
    #expect(after.names == export.backbone.names)
    for name in after.names {
      #expect(try after.floats(name) == export.backbone.floats(name), "\(name)")
    }
    for name in Self.head().names {
      #expect(try after.head.floats(name) == Self.head().floats(name))
    }
  }
}

/// Changes the last byte of every occurrence of `mark`; false where there is none.
private func hide(_ mark: [UInt8], in bytes: inout [UInt8]) -> Bool {
  var isFound = false
  for end in mark.count...bytes.count where bytes[end - 1] == mark[mark.count - 1] {
    guard bytes[end - mark.count..<end].elementsEqual(mark) else { continue }
    bytes[end - 1] = UInt8(ascii: "?")
    isFound = true
  }
  return isFound
}
