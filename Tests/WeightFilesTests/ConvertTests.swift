import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

@Suite struct ConvertTests {
  @Test(arguments: GoldenTests.files)
  func convertedFilesKeepEverything(_ name: String) throws {
    let folder = TemporaryFolder()
    let target = folder.file("converted.safetensors")
    let before = try loadBackboneWeights(Golden.path(name))
    #expect(try convertWeights(from: Golden.path(name), to: target).contains("resnet14_base2"))
    let after = try loadBackboneWeights(target)
    #expect(after.fingerprint == before.fingerprint)
    #expect(after.conventions == before.conventions)
    #expect(after.pixels == before.pixels)
    #expect(after.conventionsOrigin == .metadata)
    #expect(after.pixelsOrigin == .metadata)
    #expect(after.metadata["architecture"] == "resnet14_base2")
  }

  @Test func reportOfAGoodFile() throws {
    let report = try inspectWeights(Golden.path("keras2016.h5"))
    #expect(report.problems == [])
    #expect(report.layout?.featureCount == 64)
    #expect(report.layout?.stageNames == ["layer1", "layer2", "layer3", "layer4"])
    let text = report.description
    for part in [
      "network         resnet14_base2", "stride 2 on the 1x1 convolution",
      "batch-norm epsilon 0.001", "caffe: BGR", "from the file's Keras layer names of 2016",
      "F32 x 85", "layer4.0.conv3.weight", "64 x 16 x 1 x 1", "Nothing is missing.",
    ] {
      #expect(text.contains(part), "\(part) in \(text)")
    }
  }

  /// A name of any length and with anything in it neither makes every line as long nor acts on a
  /// terminal.
  @Test func namesInReportsAreCleaned() throws {
    let folder = TemporaryFolder()
    let long = "evil\u{1B}[2J\u{202E}" + String(repeating: "n", count: 100_000)
    var writer = SafeTensorsWriter()
    for name in [long, "a", "b"] { writer.add(name, Tensor<Float>(shape: [1], values: [1])) }
    try writer.write(to: folder.file("names"))
    let lines = try inspectWeights(folder.file("names")).description.split(separator: "\n")
    #expect(lines.allSatisfy { $0.utf8.count < 500 })
    #expect(lines.contains { $0.hasPrefix("evil\\u{1b}[2J\\u{202e}nnn") })
    #expect(lines.contains { $0.hasPrefix("a ") && $0.count < 100 })
  }

  @Test func reportOfABadFileNamesWhatIsWrong() throws {
    let folder = TemporaryFolder()
    let reference = try Golden.reference()
    var writer = SafeTensorsWriter(metadata: ["bn_eps": "1e-3"])
    for name in reference.names where !name.hasPrefix("layer2.0.bn3") {
      writer.add(name, try reference.floats(name))
    }
    writer.add("layer1.0.bn1.bias", Tensor<Float>(shape: [3], values: [1, 2, 3]))
    writer.add("layer1.0.extra", Tensor<Float>(shape: [1], values: [1]))
    try writer.write(to: folder.file("bad.safetensors"))
    let report = try inspectWeights(folder.file("bad.safetensors"))
    #expect(report.problems.count == 6)
    #expect(report.problems.contains("the tensor \"layer2.0.bn3.running_var\" is missing"))
    #expect(report.problems.contains { $0.contains("\"layer1.0.bn1.bias\" has shape [3]") })
    #expect(report.problems.contains { $0.contains("\"layer1.0.extra\" does not belong") })
    #expect(report.conventions.batchNormEpsilon == 1e-3)
    #expect(report.conventionsOrigin == .metadata)
    #expect(report.description.contains("Cannot be used:"))
  }
}
