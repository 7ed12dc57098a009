import FileIO
import Foundation
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

  @Test(arguments: ["ignore", "apply"]) func anExportSaysHowImagesAreTurned(policy: String) throws {
    let demo = try DemoRun(["--exif-orientation", policy])
    let evaluate = try command(
      EvaluateCommand.self, ["--checkpoint", demo.run, "--data", demo.data] + demo.machine)
    let stated = try TrainedModel(evaluate.model).export.metadata["exif_orientation"]
    #expect(stated == (policy == "apply" ? policy : nil))
  }
}
