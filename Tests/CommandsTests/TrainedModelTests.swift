import Collectives
import FileIO
import Foundation
import Launching
import Settings
import Testing
import Training

@testable import Commands

/// What a model brings along.
@Suite struct TrainedModelTests {
  /// The file of the run's backbone is found from whatever file of the run a model is.
  @Test(arguments: ["best.safetensors", "checkpoints/epoch-0001.safetensors"])
  func theRunKnowsWhereItsBackboneWas(name: String) throws {
    let scratch = try ScratchFolder()
    let weights = try scratch.write("", "weights/own.safetensors")
    let description = RunDescription(
      toolVersion: "test", configuration: TrainingConfiguration(), weights: weights, data: "data",
      worldSize: 1, threads: 1, hosts: ["here"], kernels: "portable")
    try GuardedFolder(path: scratch.path).write(
      [UInt8](JSONEncoder.sorted.encode(description)), to: RunFolder.configurationName)
    let backbone = ModelRecord.Backbone(
      name: "own.safetensors", fingerprint: "", featureLayer: "layer4", featureCount: 1,
      kernels: "portable")
    let choice = try TrainedModel.choice(
      ModelSettings(), backbone, beside: "\(scratch.path)/\(name)")
    #expect(choice.written == weights)
  }

  /// A demo run whose model has a temperature.
  private func run(temperature: Double?) throws -> DemoRun {
    let demo = try DemoRun()
    let files = GuardedFolder(path: demo.run)
    let checkpoint = try Checkpoint(RunFiles.bestName, in: files).model(temperature: temperature)
    let bytes = try checkpoint.encoded()
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("temperature") == (temperature != nil))
    try files.write(bytes, to: RunFiles.bestName)
    return demo
  }

  private func scores(_ demo: DemoRun, _ words: [String]) throws -> [String: Any] {
    let evaluate = try command(
      EvaluateCommand.self, ["--checkpoint", demo.run, "--data", demo.data] + demo.machine + words)
    let json = try evaluate.evaluate(SingleProcess()).json
    return try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  /// Logits are divided by the temperature, and nothing changes without --calibrated.
  @Test func aModelIsCalibratedOnDemand() throws {
    let plain = try scores(try run(temperature: nil), [])
    let demo = try run(temperature: 4)
    var same = try scores(demo, [])
    #expect(plain as NSDictionary == same as NSDictionary)
    same = try scores(demo, ["--calibrated"])
    #expect(same["temperature"] as? Double == 4)
    #expect(same["accuracy"] as? Double == plain["accuracy"] as? Double)
    let (loss, calibrated) = (plain["loss"] as? Double, same["loss"] as? Double)
    #expect(loss != calibrated)
    // The head of a run that took no step says nearly the same of everything, at 4 still less.
    let chance = 0.6931471805599453
    #expect(abs(try #require(calibrated) - chance) < abs(try #require(loss) - chance))
  }

  @Test func aModelWithoutTemperatureIsNotCalibrated() throws {
    let demo = try run(temperature: nil)
    let error = #expect(throws: UsageError.self) { try scores(demo, ["--calibrated"]) }
    #expect(error?.description.contains("best.safetensors has none") == true)
    let wrong = try run(temperature: -1)
    #expect(throws: Failure.self) { try scores(wrong, []) }
  }

  @Test(arguments: ["ignore", "apply"]) func anExportSaysHowImagesAreTurned(policy: String) throws {
    let demo = try DemoRun(["--exif-orientation", policy])
    let evaluate = try command(
      EvaluateCommand.self, ["--checkpoint", demo.run, "--data", demo.data] + demo.machine)
    let stated = try TrainedModel(evaluate.model).export.metadata["exif_orientation"]
    #expect(stated == (policy == "apply" ? policy : nil))
  }
}
