import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// What Keras files say beside their tensors, and what they hold that is not read.
@Suite struct KerasFileTests {
  /// The weights of a file with a top are those of the reference, and the top is the head.
  @Test(arguments: ["keras2019-top.h5", "keras2016-top.h5"])
  func theTopIsTheHead(_ name: String) throws {
    let reference = try Golden.reference()
    let weights = try loadBackboneWeights(Golden.path(name))
    #expect(weights.layout.blocks == [1])
    for tensor in weights.names {
      #expect(try weights.floats(tensor) == reference.floats(tensor), "\(tensor)")
    }
    #expect(weights.head.names == ["fc.bias", "fc.weight"])
    #expect(try weights.head.floats("fc.bias").values == [1, 2, 3])
    let matrix = try weights.head.floats("fc.weight")
    #expect(matrix.shape == [3, 8])
    #expect(matrix.values[..<3] == [0, 0.375, 0.75])
  }

  @Test(arguments: [("chunked.h5", "is stored in chunks"), ("compressed.h5", "is compressed")])
  func otherStorageIsNamed(_ name: String, _ part: String) throws {
    let error = failure { try loadBackboneWeights(Golden.path(name)) }
    #expect(error?.kind == .unsupported)
    #expect(error?.entry == "conv1_conv/conv1_conv/kernel:0")
    #expect(error?.description.contains(part) == true)
    #expect(try inspectWeights(Golden.path(name)).problems.first?.contains(part) == true)
  }

  @Test func datasetsOfNoLayerAreNamed() throws {
    let folder = TemporaryFolder()
    let path = try folder.write([], "more.h5")
    try HDF5Writer.write(to: path, for: path) { file throws(FileError) in
      let one = Tensor<Float>(shape: [1], values: [1])
      try file.group("conv1_bn", attributes: [("weight_names", ["gamma:0"])])
      try file.dataset("conv1_bn/gamma:0", one)
      try file.group("optimizer_weights")
      try file.dataset("optimizer_weights/step", one)
      try file.dataset("conv1_bn/more:0", one)
    }
    let error = failure { try loadBackboneWeights(path) }
    #expect(error?.kind == .entryUnexpected)
    #expect(error?.entry == "conv1_bn/more:0")
  }

  @Test func longPathsAreRefused() throws {
    let folder = TemporaryFolder()
    let path = try folder.write([], "deep.h5")
    try HDF5Writer.write(to: path, for: path) { file throws(FileError) in
      var group = ""
      for _ in 0..<6 {
        group += "/" + String(repeating: "n", count: 200)
        try file.group(group)
      }
    }
    let error = failure { try loadBackboneWeights(path) }
    #expect(error?.description.contains("has 1205 bytes") == true)
  }

  // MARK: Configurations

  /// A Keras archive with the weights of the reference and this configuration.
  private func archive(_ configuration: String) throws -> [UInt8] {
    let folder = TemporaryFolder()
    var zip = try ZipWriter(to: folder.file("model.keras"))
    try zip.add("config.json", Array(configuration.utf8))
    try zip.add("model.weights.h5", try Golden.bytes("keras3.weights.h5"))
    try zip.finish()
    return try ByteSource(path: folder.file("model.keras")).wholeFile()
  }

  private func layers(stridedConvolution: String) -> String {
    """
    {"class_name":"Functional","config":{"layers":[
    {"class_name":"BatchNormalization","config":{"name":"conv1_bn","epsilon":1e-5}},
    {"class_name":"Conv2D","config":{"name":"\(stridedConvolution)","strides":[2,2]}},
    {"class_name":"ZeroPadding2D","config":{"name":"pool1_pad"}},
    {"class_name":"MaxPooling2D","config":{"name":"pool1_pool","padding":"valid"}}]}}
    """
  }

  /// With PyTorch's stride the weights are PyTorch's, and so are the pixels.
  @Test func pixelsFollowTheStride() throws {
    func weights(_ layer: String) throws -> BackboneWeights {
      let bytes = try archive(layers(stridedConvolution: layer))
      return try loadBackboneWeights(bytes: bytes, path: "model.keras")
    }
    let own = try weights("conv3_block1_1_conv")
    #expect(own.conventions.stridePosition == .firstConvolution)
    #expect(own.pixels == .caffe)
    let ported = try weights("conv3_block1_2_conv")
    #expect(ported.conventions == .torchvision)
    #expect(ported.pixels == .torch)
    #expect(ported.pixelsOrigin == .configuration)
  }

  @Test func layersAreCounted() throws {
    func configuration(_ count: Int) throws -> KerasConfiguration {
      let layers = repeatElement(#"{"class_name":"A","config":{}}"#, count: count)
      let text = #"{"class_name":"B","config":[\#(layers.joined(separator: ","))]}"#
      return try KerasConfiguration(Array(text.utf8), path: "model.h5")
    }
    #expect(try configuration(19_999).layers.count == 20_000)
    #expect(
      failure { try configuration(20_000) }?.description.contains("too many layers") == true)
  }
}
