import Foundation
import TensorFormats
import Tensors
import Testing

extension ToolTests {
  /// `weights inspect` and `weights convert`.
  @Suite struct WeightsToolTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private func weights(_ words: String...) throws -> Outcome {
      try run([Program.tool, "weights"] + words, in: scratch.path)
    }

    private func contents() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted()
    }

    /// The demo backbone as F32 in another file, without the tensor `absent`.
    private func backbone(
      _ name: String, without absent: String? = nil, changing bad: String? = nil
    ) throws {
      let source = try SafeTensorsFile(path: Workshop.demoBackbone())
      var writer = SafeTensorsWriter(metadata: source.metadata)
      for tensor in source.names where tensor != absent {
        var values = try source.floats(tensor)
        if tensor == bad { values.values[0] = .nan }
        writer.add(tensor, values)
      }
      try writer.write(to: "\(scratch.path)/\(name)")
    }

    private func fingerprint(_ outcome: Outcome) -> String? {
      outcome.lines.first { $0.hasPrefix("fingerprint") }
    }

    // MARK: inspect

    @Test func aWholeBackboneIsDescribed() throws {
      let outcome = try weights("inspect", Workshop.demoBackbone())
      #expect(outcome.status == 0, "\(outcome.errors)")
      for line in [
        "format          safetensors", "network         resnet50_base8",
        "features        256 after layer4",
        "conventions     stride 2 on the 3x3 convolution, batch-norm epsilon 1e-5, pooling padded",
        "                (from the file's metadata)", "Nothing is missing.",
      ] {
        #expect(outcome.lines.contains(line), "\(line)")
      }
      #expect(
        outcome.lines.contains { $0.hasPrefix("conv1.weight ") && $0.hasSuffix("8 x 3 x 7 x 7") })
      #expect(fingerprint(outcome)?.count == 16 + 64)
    }

    /// Whole, but of widths that no kernel is made for.
    @Test func aNetworkThatCannotBeComputedIsNamed() throws {
      let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("WeightFilesTests/Golden/reference.safetensors").path
      let outcome = try weights("inspect", golden)
      #expect(outcome.status == 65)
      #expect(outcome.lines.contains("Nothing is missing."))
      #expect(outcome.errors.contains("a layer has 2 channels; their number must be a multiple of"))
    }

    @Test func whatIsMissingIsListed() throws {
      try backbone("short.safetensors", without: "layer3.0.conv2.weight")
      let outcome = try weights("inspect", "short.safetensors")
      #expect(outcome.status == 65)
      #expect(outcome.lines.suffix(2).first == "Cannot be used:")
      #expect(outcome.lines.last == "the tensor \"layer3.0.conv2.weight\" is missing")
      #expect(outcome.errors == "avp-dist: short.safetensors cannot be used as a backbone.\n")
      #expect(fingerprint(outcome) == nil)
    }

    @Test func aNumberThatIsNoneIsFound() throws {
      try backbone("nan.safetensors", changing: "layer1.0.bn2.weight")
      let outcome = try weights("inspect", "nan.safetensors")
      #expect(outcome.status == 65)
      #expect(outcome.lines.last?.contains("layer1.0.bn2.weight") == true)
      let conversion = try weights("convert", "nan.safetensors", "converted.safetensors")
      #expect(conversion.status == 65)
      #expect(conversion.errors.contains("\"layer1.0.bn2.weight\" holds 1 numbers"))
      #expect(try contents() == ["nan.safetensors"])
    }

    // MARK: convert

    @Test func aConvertedFileIsTheSameBackbone() throws {
      let export = scratch.path + "/model.h5"
      let model = try Workshop.whole.get() + "/model.safetensors"
      let words = ["export", "--checkpoint", model, "--format", "keras", "--output", export]
      #expect(try run([Program.tool] + words).status == 0)
      let outcome = try weights("convert", export, "converted.safetensors")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(
        outcome.output.hasPrefix("\(export): resnet50_base8 from ")
          && outcome.output.hasSuffix("written to converted.safetensors as safetensors\n"))
      let converted = try weights("inspect", "converted.safetensors")
      #expect(converted.status == 0)
      #expect(
        try fingerprint(converted) == fingerprint(weights("inspect", Workshop.demoBackbone())))
      let source = try SafeTensorsFile(path: Workshop.demoBackbone())
      let target = try SafeTensorsFile(path: scratch.path + "/converted.safetensors")
      for name in source.names { #expect(try target.floats(name) == source.floats(name)) }
      #expect(target.shape(of: "fc.2.bias") == [2])
    }

    // MARK: Bad input

    @Test(arguments: [
      [], ["inspect"], ["inspect", "a", "b"], ["convert", "a"], ["convert", "a", "b", "c"],
      ["show"],
    ])
    func aWrongCommandLine(words: [String]) throws {
      let outcome = try run([Program.tool, "weights"] + words, in: scratch.path)
      #expect(outcome.status == 64)
      #expect(outcome.errors.contains("Say `weights inspect FILE` or `weights convert FROM TO`."))
    }

    @Test(arguments: ["inspect", "convert"]) func filesThatAreNoWeights(command: String) throws {
      try Data("<!DOCTYPE html>".utf8)
        .write(to: URL(fileURLWithPath: scratch.path + "/page.pth"))
      for (file, status, message) in [
        ("nowhere.pth", 66, "nowhere.pth"), ("page.pth", 65, "page.pth: is a web page"),
      ] {
        let target = command == "convert" ? ["out.safetensors"] : []
        let outcome = try run([Program.tool, "weights", command, file] + target, in: scratch.path)
        #expect(outcome.status == Int32(status))
        #expect(outcome.errors.contains(message))
        #expect(try contents() == ["page.pth"])
      }
    }

    /// Where the file is not, the user learns which ones there are.
    @Test func aMissingFileIsToldFromTheOthers() throws {
      for name in ["weights/resnet50-a.pth", "here.onnx", "x.png"] {
        let url = URL(fileURLWithPath: "\(scratch.path)/\(name)")
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("x".utf8).write(to: url)
      }
      for words in [
        ["weights", "inspect", "nope.pth"],
        ["features", "--weights", "nope.pth", "--output", "o", "x.png"],
      ] {
        let outcome = try run([Program.tool] + words, in: scratch.path)
        #expect(outcome.status == 66)
        #expect(outcome.errors.contains("nope.pth: there is no such file\n"))
        #expect(outcome.errors.contains("  in .: here.onnx\n"))
        #expect(outcome.errors.contains("  in weights: resnet50-a.pth\n"))
      }
    }

    /// One that is found where weights are looked for; on the command line none gets so far.
    @Test func aNameThatIsNotUTF8IsNoMissingFile() throws {
      let script = """
        mkdir weights; : >"weights/$(printf 'resnet50\\351.pth')"; : >x.png
        exec "$0" features --output o x.png
        """
      let outcome = try run(["sh", "-c", script, Program.tool], in: scratch.path)
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("has a name that is not UTF-8"))
    }

    /// The features of a Keras model that prepares pixels itself, as Keras computed them.
    @Test(
      .enabled(
        if: ProcessInfo.processInfo.environment["AVP_TEST_CASES"] != nil,
        "AVP_TEST_CASES is not set"))
    func featuresBehindARescalingAreThoseOfKeras() throws {
      let cases = ProcessInfo.processInfo.environment["AVP_TEST_CASES"] ?? ""
      let data = try Data(contentsOf: URL(fileURLWithPath: cases + "/keras-rescaling.json"))
      let facts = try Workshop.object(String(decoding: data, as: UTF8.self))
      let expected = try #require(facts["features"] as? [Double])
      let words = [
        Program.tool, "features", "--weights", cases + "/keras-rescaling.keras", "--output",
        "features.safetensors", cases + "/upright.png",
      ]
      #expect(try run(words, in: scratch.path).status == 0)
      let features = try SafeTensorsFile(path: scratch.path + "/features.safetensors")
        .floats("features").values
      #expect(features.count == expected.count)
      for (feature, value) in zip(features, expected) {
        #expect(abs(Double(feature) - value) < 1e-4)
      }
    }

    @Test func aTargetThatCannotBeMade() throws {
      let outcome = try weights("convert", Workshop.demoBackbone(), "/nowhere/out.safetensors")
      #expect(outcome.status == 73)
      #expect(outcome.errors.contains("/nowhere/out.safetensors"))
    }
  }
}
