import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// Folders of the Hugging Face hub: what stands beside the weights decides about them.
@Suite struct HubFolderTests {
  private let folder = TemporaryFolder()

  /// Puts the reference into the folder, with these texts beside it.
  private func open(
    _ files: [String: String], weights: String = "reference.safetensors"
  ) throws -> BackboneWeights {
    _ = try folder.write(try Golden.bytes(weights), "model.safetensors")
    for (name, text) in files { _ = try folder.write(Array(text.utf8), name) }
    return try loadBackboneWeights(folder.path)
  }

  private func error(_ name: String, _ text: String) -> FileError? {
    failure { try open([name: text]) }
  }

  // MARK: transformers

  @Test(arguments: ["true", "false"])
  func theStrideIsWhereTheConfigurationSays(_ word: String) throws {
    let weights = try open(
      [
        "config.json":
          #"{"model_type":"resnet","hidden_act":"relu","downsample_in_bottleneck":\#(word)}"#
      ], weights: "hugging-face.safetensors")
    #expect(
      weights.conventions.stridePosition
        == (word == "true" ? .firstConvolution : .secondConvolution))
    #expect(weights.conventionsOrigin == .besideFile)
    #expect(weights.pixels == .torch)
    #expect(weights.pixelsOrigin == .torchvisionDefault)
  }

  @Test func thePreprocessorSaysWhatPixelsAre() throws {
    let usual = #""image_mean":[0.485,0.456,0.406],"image_std":[0.229,0.224,0.225]"#
    let name = "preprocessor_config.json"
    #expect(try open([name: "{\(usual)}"]).pixels == .torch)
    let half = try open([name: #"{"image_mean":0.5,"image_std":[0.5,0.5,0.5]}"#])
    #expect(half.pixels.mean == [0.5, 0.5, 0.5])
    #expect(half.pixels.std == [0.5, 0.5, 0.5])
    #expect(half.pixelsOrigin == .besideFile)
    let raw = try open([name: #"{"do_rescale":false,"image_mean":[1,2,3],"image_std":[1,1,2]}"#])
    #expect(raw.pixels.scale == 1)
    #expect(raw.pixels.mean == [1, 2, 3])
    #expect(try open([name: #"{"do_normalize":false}"#]).pixels.std == [1, 1, 1])
  }

  @Test(arguments: [
    (#"{"model_type":"regnet"}"#, "\"regnet\""),
    (#"{"model_type":"resnet","downsample_in_first_stage":true}"#, "first stage"),
    (#"{"model_type":"resnet","hidden_act":"gelu"}"#, "\"gelu\""),
    (#"{"model_type":"resnet""#, "is damaged"), ("", "is damaged"),
  ])
  func otherNetworksOfTransformers(_ text: String, _ part: String) {
    let error = error("config.json", text)
    #expect(error?.path.hasSuffix("/config.json") == true)
    #expect(error?.description.contains(part) == true)
  }

  @Test(arguments: [
    #"{"image_mean":[1,2],"image_std":[1,2]}"#, #"{"image_mean":[1,2,3],"image_std":[0,1,1]}"#,
    #"{"do_flip_channel_order":true}"#, #"{"do_normalize":false,"rescale_factor":-1}"#,
  ])
  func pixelsThatCannotBe(_ text: String) {
    #expect(error("preprocessor_config.json", text)?.kind == .unsupported)
  }

  // MARK: timm

  private func timm(_ architecture: String, _ more: String = "") -> String {
    #"{"architecture":"\#(architecture)","num_classes":1000\#(more)}"#
  }

  /// These have just the tensors of a resnet50, or of one with heads that would be named anyway.
  @Test(arguments: [
    "resnetaa50", "resnetblur50", "resnet50_gn", "seresnet50", "resnetrs50", "resnet50d", "resnet",
  ])
  func networksThatAreNoPlainResNets(_ name: String) {
    let error = error("config.json", timm(name))
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("timm's \"\(name)\"") == true)
  }

  @Test func plainResNetsOfTimm() throws {
    for name in ["resnet50", "resnet101.a1h_in1k", "wide_resnet50_2", "tv_resnet50"] {
      #expect(try open(["config.json": timm(name)]).pixels == .torch)
    }
    let inception = #","pretrained_cfg":{"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}"#
    let weights = try open(["config.json": timm("resnet50", inception)])
    #expect(weights.pixels.mean == [0.5, 0.5, 0.5])
    #expect(weights.pixels.std == [0.25, 0.25, 0.25])
    let changed = error("config.json", timm("resnet50", #","model_args":{"aa_layer":"avg"}"#))
    #expect(changed?.description.contains("\"aa_layer\"") == true)
    #expect(throws: Never.self) {
      try open(["config.json": timm("resnet50", #","model_args":{"num_classes":5}"#)])
    }
  }

  // MARK: Folders and files

  /// What the file says itself goes before; other programs' files of the name say nothing.
  @Test func theFilesOwnWordCountsFirst() throws {
    _ = try open([:])
    try convertWeights(from: folder.file("model.safetensors"), to: folder.file("converted"))
    _ = try folder.write(Array(timm("resnetaa50").utf8), "config.json")
    #expect(throws: Never.self) { try loadBackboneWeights(folder.file("converted")) }
    #expect(failure { try loadBackboneWeights(folder.file("model.safetensors")) } != nil)
    let foreign = try open(["config.json": #"{"toolVersion":"1","data":"pictures"}"#])
    #expect(foreign.conventionsOrigin == .torchvisionDefault)
  }

  @Test func shardedFoldersAreRead() throws {
    let sharded = try loadBackboneWeights(Golden.path("sharded"))
    #expect(sharded.fingerprint == (try open([:]).fingerprint))
    #expect(sharded.path.hasSuffix("sharded/model.safetensors.index.json"))
  }

  @Test func foldersWithoutWeightsAreNamed() throws {
    let error = failure { try loadBackboneWeights(folder.path) }
    #expect(error?.kind == .unreadable)
    #expect(error?.description.contains("is a folder without model.safetensors") == true)
    _ = try folder.write([8], "saved_model.pb")
    let saved = failure { try loadBackboneWeights(folder.path) }
    #expect(saved?.description.contains("is a SavedModel of TensorFlow") == true)
  }

  /// Where bytes of a name could not be read as text, a file may be there all the same.
  @Test func namesThatAreNotUTF8AreNotMissing() {
    let error = failure { try loadBackboneWeights(folder.file("caf\u{FFFD}.pth")) }
    #expect(error?.kind == .unreadable)
    #expect(error?.description.contains("is not UTF-8") == true)
  }
}
