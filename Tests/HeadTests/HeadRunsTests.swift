import FileIO
import Foundation
import TensorFormats
import Tensors
import Testing

@testable import Head

/// Ten epochs with every optimizer and schedule, against the optimizers of PyTorch and Keras in
/// double precision: the runs that `scripts/make-golden-head` wrote.
struct HeadRunsTests {
  static let names = [
    "adam-pytorch", "adam-keras", "adam-pytorch-decay", "adam-keras-decay-cosine",
    "adamw-pytorch-cosine", "adamw-keras-step", "sgd-pytorch-decay-cosine", "sgd-keras-step",
  ]

  /// A run's settings as the metadata have them.
  struct Run: Decodable {
    let kind: OptimizerKind
    let convention: OptimizerConvention
    let weightDecay, momentum, base, warmupEpochs, decayEpochs, decayRate: Double
    let shape: LearningRateSchedule.Shape
  }

  let file: SafeTensorsFile
  let features: [[Float]]
  let labels: [Int]
  let epochs: [[Int]]

  init() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    file = try SafeTensorsFile(path: folder.appending(path: "Golden/head-runs.safetensors").path())
    let table = try file.floats("features")
    features = table.values.chunked(table.shape[1])
    labels = try file.int64s("labels").values.map(Int.init)
    epochs = try file.int64s("order").values.map(Int.init).chunked(labels.count)
  }

  private func head(_ prefix: String) throws -> HeadParameters {
    try HeadParameters { name throws(HeadError) in
      do throws(FileError) {
        return try file.floats("\(prefix).\(name)")
      } catch {
        throw HeadError.tensor(name: name, reason: "\(error)")
      }
    }
  }

  /// The run's losses, learning rates and trained head, the batches cut into `parts` summed apart.
  private func train(
    _ run: Run, parts: Int
  ) throws -> (losses: [Double], rates: [Double], head: HeadParameters) {
    var head = try head("initial")
    let settings = OptimizerSettings(
      kind: run.kind, convention: run.convention, weightDecay: run.weightDecay,
      momentum: run.momentum)
    var optimizer = try Optimizer(settings, parameterCount: head.shape.parameterCount)
    let schedule = try LearningRateSchedule(
      shape: run.shape, base: run.base, epochs: epochs.count, warmupEpochs: run.warmupEpochs,
      decayEpochs: run.decayEpochs, decayRate: run.decayRate)
    var losses: [Double] = []
    var rates: [Double] = []
    for batch in epochs.flatMap({ $0.chunked(16) }) {
      var sum = ExactGradient(shape: head.shape, globalBatch: 16)
      for part in batch.chunked((batch.count + parts - 1) / parts) {
        sum.add(features: part.map { features[$0] }, labels: part.map { labels[$0] }, at: head)
      }
      let (gradient, metrics) = try sum.mean()
      rates.append(schedule.rate(step: losses.count, stepsPerEpoch: 6))
      losses.append(metrics.loss)
      optimizer.update(&head, gradient: gradient, learningRate: rates[rates.count - 1])
    }
    return (losses, rates, head)
  }

  @Test(arguments: names) func followsTheReference(name: String) throws {
    let run = try JSONDecoder().decode(Run.self, from: Data((file.metadata[name] ?? "").utf8))
    let result = try train(run, parts: 1)
    let losses = try file.doubles("\(name).loss").values
    #expect(result.losses.count == losses.count)
    for (loss, expected) in zip(result.losses, losses) { #expect(abs(loss / expected - 1) < 1e-5) }
    for (rate, expected) in zip(result.rates, try file.doubles("\(name).rate").values) {
      #expect(abs(rate - expected) <= 1e-12 * run.base)
    }
    for (value, expected) in zip(result.head.values, try head(name).values) {
      #expect(abs(value - expected) < 2e-5)
    }
    let inThree = try train(run, parts: 3)
    #expect(inThree.losses == result.losses)
    #expect(inThree.head == result.head)
  }

  @Test func everyRunOfTheFileIsTried() {
    #expect(Self.names.sorted() == file.metadata.keys.filter { $0 != "format" }.sorted())
  }
}
