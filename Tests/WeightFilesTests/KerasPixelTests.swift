import Foundation
import Tensors
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// Layers of Keras models that prepare pixels, before the ResNet.
@Suite struct KerasPixelTests {
  /// The models that `scripts/make-golden-cases` built, and what Keras made of pixels in them.
  private struct Cases {
    let pixels: [[Double]]
    let followed: [String: (configuration: KerasConfiguration, inputs: [[Double]])]
    let refused: [String: KerasConfiguration]

    init() throws {
      let data = Data(try Golden.bytes("keras-pixels.json"))
      let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      func configuration(_ value: Any?) throws -> KerasConfiguration {
        let text = try JSONSerialization.data(withJSONObject: try #require(value))
        return try KerasConfiguration([UInt8](text), path: "model.keras")
      }
      pixels = try #require(root["pixels"] as? [[Double]])
      followed = try #require(root["followed"] as? [String: [String: Any]]).mapValues {
        (try configuration($0["config"]), try #require($0["inputs"] as? [[Double]]))
      }
      refused = try #require(root["refused"] as? [String: Any]).mapValues(configuration)
    }
  }

  private func read(_ configuration: KerasConfiguration) throws -> KerasPixels {
    let file = try HDF5File(ByteSource(path: Golden.path("keras2019-top.h5")))
    return KerasPixels(configuration, [:], file)
  }

  @Test func numbersAreThoseOfKeras() throws {
    let cases = try Cases()
    #expect(cases.followed.count == 10)
    for (name, (configuration, inputs)) in cases.followed {
      let result = try read(configuration)
      #expect(result.problem == nil, "\(name)")
      guard let pixels = result.pixels else {
        #expect(name == "none")
        continue
      }
      for (pixel, input) in zip(cases.pixels, inputs) {
        let ordered = pixels.channelOrder == .rgb ? pixel : pixel.reversed()
        for channel in 0..<3 {
          let number =
            (ordered[channel] * pixels.scale - pixels.mean[channel]) / pixels.std[channel]
          #expect(abs(number - input[channel]) <= 2e-5 * max(1, abs(input[channel])), "\(name)")
        }
      }
    }
  }

  /// What `preprocess_input` does are the conventions themselves, to the last digit: the weights
  /// have the same fingerprint with it and without.
  @Test func theUsualConventionsAreRecognised() throws {
    let cases = try Cases()
    func pixels(_ name: String) throws -> Normalisation? {
      try read(try #require(cases.followed[name]).configuration).pixels
    }
    #expect(try pixels("caffe") == .caffe)
    #expect(try pixels("torch") == .torch)
    #expect(try pixels("tf")?.mean == [0.5, 0.5, 0.5])
    #expect(try pixels("tf")?.std == [0.5, 0.5, 0.5])
    #expect(try pixels("augmentation")?.std == [1, 1, 1])
  }

  @Test(arguments: [
    ("resizing", "Resizing"), ("negative", "Rescaling"), ("two", "Add"), ("reversed", "Subtract"),
    ("order", "Stack"), ("square", "Square"),
  ])
  func whatCannotBeFollowedIsNamed(_ name: String, _ layer: String) throws {
    let result = try read(try #require(try Cases().refused[name]))
    #expect(result.pixels == nil)
    #expect(result.problem?.kind == .unsupported)
    #expect(result.problem?.description.contains("(\(layer)), which is not followed") == true)
  }

  /// What older versions of `preprocess_input` write for BGR; not every part of Keras runs it.
  @Test(arguments: [(-1, true), (1, false), (-2, false)])
  func aSliceReversesTheChannels(_ step: Int, _ isFollowed: Bool) throws {
    let image = #"{"class_name":"__keras_tensor__","config":{"keras_history":["input",0,0]}}"#
    let index = """
      [{"class_name":"__ellipsis__","config":{}},{"class_name":"__slice__",
      "config":{"start":null,"stop":null,"step":\(step)}}]
      """
    let text = """
      {"class_name":"Functional","config":{"layers":[
      {"class_name":"InputLayer","config":{"name":"input"},"inbound_nodes":[]},
      {"class_name":"GetItem","config":{"name":"item"},
      "inbound_nodes":[{"args":[\(image),\(index)],"kwargs":{}}]},
      {"class_name":"Conv2D","config":{"name":"conv1_conv"},"inbound_nodes":[[["item",0,0,{}]]]}]}}
      """
    let result = try read(try KerasConfiguration(Array(text.utf8), path: "model.keras"))
    #expect(result.pixels?.channelOrder == (isFollowed ? .bgr : nil))
    #expect((result.problem == nil) == isFollowed)
  }

  /// Layers of hostile files can stand in circles.
  @Test func circlesEnd() throws {
    func call(_ name: String) -> String { #""inbound_nodes":[[["\#(name)",0,0,{}]]]"# }
    let text = """
      {"class_name":"Functional","config":{"layers":[
      {"class_name":"Dropout","config":{"name":"a"},\(call("b"))},
      {"class_name":"Dropout","config":{"name":"b"},\(call("a"))},
      {"class_name":"Conv2D","config":{"name":"conv1_conv"},\(call("a"))}]}}
      """
    let configuration = try KerasConfiguration(Array(text.utf8), path: "model.keras")
    #expect(try read(configuration).problem?.kind == .unsupported)
  }

  // MARK: Whole files

  /// A Normalization that was adapted has its numbers among the weights.
  @Test(arguments: ["adapted.keras", "adapted.h5"])
  func adaptedNormalizations(_ name: String) throws {
    let weights = try loadBackboneWeights(Golden.path(name))
    #expect(weights.pixelsOrigin == .configuration)
    #expect(weights.pixels.channelOrder == .rgb)
    #expect(weights.pixels.scale == 1)
    #expect(weights.pixels.mean == [50, 110, 120])
    #expect(weights.pixels.std == [50, 100, 100])
    let reference = try Golden.reference()
    for tensor in weights.names {
      #expect(try weights.floats(tensor) == reference.floats(tensor), "\(tensor)")
    }
    // What is written says so too.
    let folder = TemporaryFolder()
    try convertWeights(from: Golden.path(name), to: folder.file("out.safetensors"))
    let converted = try loadBackboneWeights(folder.file("out.safetensors"))
    #expect(converted.fingerprint == weights.fingerprint)
    #expect(converted.pixels == weights.pixels)
  }

  @Test func weightsAloneDoNotSayWhereANormalizationStands() throws {
    let error = failure { try loadBackboneWeights(Golden.path("adapted.weights.h5")) }
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("save the whole model") == true)
  }
}
