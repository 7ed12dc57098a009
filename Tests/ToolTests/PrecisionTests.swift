import FileIO
import Foundation
import Kernels
import TensorFormats
import Testing

extension ToolTests {
  /// `--precision int8`: the same bytes on any kernels, ranks and threads, and a model that brings
  /// its scales along.
  @Suite struct PrecisionTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    /// Every command has a cache of its own, so that nobody takes over what other kernels computed.
    private func environment(_ kernels: String) -> [String: String] {
      ["AVP_KERNELS": kernels, "XDG_CACHE_HOME": "\(scratch.path)/cache-\(UUID().uuidString)"]
    }

    private static let int8 = ["--precision", "int8"]

    /// The folder of a run in int8 that nothing disturbed.
    private static let whole: Result<String, any Error> = Result {
      let folder = Workshop.root + "/int8"
      let outcome = try run(
        Workshop.train(folder, int8 + ["--threads", "1", "--checkpoint-every-steps", "1"]))
      try #require(outcome.status == 0, "\(outcome.errors)")
      return folder
    }

    @Test(arguments: IntegerPath.allCases.filter(\.isAvailable))
    func theModelDoesNotDependOnTheKernels(path: IntegerPath) throws {
      let output = scratch.path + "/run"
      let outcome = try run(
        Workshop.train(output, Self.int8), environment: environment(path.rawValue))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try Workshop.model(output) == Workshop.model(Self.whole.get()))
    }

    /// Ranks with different kernels, in one run and without a warning.
    @Test func theModelDoesNotDependOnAMixtureOfKernels() throws {
      let output = scratch.path + "/run"
      let words = try Workshop.train(
        output, Self.int8 + ["--threads", "2", "--exchange", "features"])
      let kernels = ["portable", "reference", IntegerPath.best.rawValue]
      let parts = kernels.map {
        ["-n", "1", "env", "AVP_KERNELS=\($0)", "XDG_CACHE_HOME=\(scratch.path)/\($0)"] + words
      }
      let outcome = try run(["mpirun", "--oversubscribe"] + parts.joined(separator: [":"]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(!outcome.errors.contains("kernels"), "\(outcome.errors)")
      #expect(try Workshop.model(output) == Workshop.model(Self.whole.get()))
    }

    @Test func aStoppedRunGoesOnWithOtherKernels() throws {
      let output = scratch.path + "/run"
      let whole = try Self.whole.get()
      try FileManager.default.createDirectory(
        atPath: output + "/checkpoints", withIntermediateDirectories: true)
      let name = try #require(Workshop.checkpoints(whole).dropFirst().first)
      try FileManager.default.copyItem(
        atPath: "\(whole)/checkpoints/\(name)", toPath: "\(output)/checkpoints/\(name)")
      let words = try Workshop.train(output, ["--resume", "auto"])
      let refused = try run(words)
      #expect(refused.status == 65)
      #expect(refused.errors.contains("--precision: int8 (18 images"), "\(refused.errors)")
      let outcome = try run(words + Self.int8, environment: environment("portable"))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(!outcome.errors.contains("other means"), "\(outcome.errors)")
      #expect(try Workshop.model(output) == Workshop.model(whole))
    }

    @Test func aModelIsUsedWithItsPrecision() throws {
      let data = try Workshop.data.get()
      func predict(_ folder: String, _ more: [String]) throws -> Outcome {
        try run(
          [Program.tool, "predict", "--json", "--checkpoint", folder, data + "/validation"] + more)
      }
      let whole = try Self.whole.get()
      let plain = try predict(whole, [])
      #expect(plain.status == 0 && !plain.errors.contains("warning"), "\(plain.errors)")
      #expect(try predict(whole, Self.int8).output == plain.output)
      let floats = try predict(whole, ["--precision", "f32"])
      #expect(floats.status == 0 && floats.output != plain.output)
      #expect(floats.errors.contains("trained on features of int8, and now gets those of f32"))

      // Before anything is packed for them.
      let strange = try predict(whole, ["--weights", "random:1"])
      #expect(strange.status == 65)
      #expect(strange.errors.contains("was trained on the backbone demo"), "\(strange.errors)")

      // The other way round, scales are needed.
      let float = try Workshop.whole.get()
      let bare = try predict(float, Self.int8)
      #expect(bare.status == 64 && bare.errors.contains("avp-dist calibrate"), "\(bare.errors)")
      let scales = scratch.path + "/scales.json"
      let made = try run(
        [Program.tool, "calibrate", "--data", data, "--weights", "demo", "--output", scales])
      #expect(made.status == 0 && made.output.contains("from 18 images"), "\(made.errors)")
      let whole8 = try predict(float, Self.int8 + ["--calibration", scales])
      #expect(whole8.status == 0, "\(whole8.errors)")
      #expect(whole8.errors.contains("trained on features of f32, and now gets those of int8"))
      // Other scales than the model's are a warning.
      let text = try String(contentsOfFile: scales, encoding: .utf8)
      let other = scratch.path + "/other.json"
      try text.replacing(#""images":18"#, with: #""images":17"#)
        .write(toFile: other, atomically: true, encoding: .utf8)
      let warned = try predict(whole, Self.int8 + ["--calibration", other])
      #expect(warned.errors.contains("trained with other scales"), "\(warned.errors)")
      // They are those that training chooses.
      let again = try predict(whole, Self.int8 + ["--calibration", scales])
      #expect(again.output == plain.output)
    }

    @Test func featuresOfInt8SayTheirScales() throws {
      let data = try Workshop.data.get()
      let scales = scratch.path + "/scales.json"
      let made = try run(
        [Program.tool, "calibrate", "--data", data, "--weights", "demo", "--output", scales])
      #expect(made.status == 0, "\(made.errors)")
      let words = [
        Program.tool, "features", "--weights", "demo", data + "/validation", "--output", "x",
      ]
      #expect(try run(words + Self.int8).status == 64)
      func features(_ kernels: String) throws -> String {
        let file = "\(scratch.path)/\(kernels).safetensors"
        let outcome = try run(
          [Program.tool, "features", "--weights", "demo", data + "/validation", "--output", file]
            + Self.int8 + ["--calibration", scales], environment: environment(kernels))
        #expect(outcome.status == 0, "\(outcome.errors)")
        return file
      }
      let best = try SafeTensorsFile(path: features(IntegerPath.best.rawValue))
      let portable = try SafeTensorsFile(path: features("portable"))
      #expect(try best.floats("features").values == portable.floats("features").values)
      let calibration = try Workshop.object(try #require(best.metadata["calibration"]))
      #expect(calibration["images"] as? Int == 18)
      #expect(best.metadata["calibration"] == portable.metadata["calibration"])
    }

    @Test func scalesOfOtherWeightsAndOtherFilesAreRefused() throws {
      let data = try Workshop.data.get()
      let scales = scratch.path + "/scales.json"
      let made = try run(
        [Program.tool, "calibrate", "--data", data, "--weights", "random:1", "--output", scales])
      #expect(made.status == 0, "\(made.errors)")
      func train(_ more: [String]) throws -> Outcome {
        try run(Workshop.train(scratch.path + "/run", more))
      }
      let other = try train(Self.int8 + ["--calibration", scales])
      #expect(other.status == 65 && other.errors.contains("other weights"), "\(other.errors)")
      for content in ["", "{}", "[1, 2]", #"{"version":1e99}"#, "\u{FF}\u{0}"] {
        try Data(content.utf8).write(to: URL(fileURLWithPath: scales))
        let outcome = try train(Self.int8 + ["--calibration", scales])
        #expect(outcome.status == 65, "\(content): \(outcome.errors)")
        #expect(outcome.errors.contains("scales.json"), "\(outcome.errors)")
      }
      let missing = try train(Self.int8 + ["--calibration", scratch.path + "/none"])
      #expect(missing.status == 66, "\(missing.errors)")
      let idle = try train(["--calibration", scales])
      #expect(idle.status == 64, "\(idle.errors)")
    }

    @Test func anExportSaysThatItComputesInFloats() throws {
      let outcome = try run([
        Program.tool, "export", "--checkpoint", Self.whole.get(), "--format", "onnx", "--output",
        scratch.path + "/model.onnx",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("trained on features of int8"), "\(outcome.errors)")
    }

    @Test func benchMeasuresInt8() throws {
      let outcome = try run(
        [Program.tool, "bench", "--weights", "demo", "--seconds", "0.1", "--json"] + Self.int8)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let result = try Workshop.object(outcome.output)
      #expect(result["precision"] as? String == "int8")
      #expect(result["byte_peak_gops"] as? Double ?? 0 > 0)
      #expect(result["fma_peak_gflops"] == nil)
    }
  }
}
