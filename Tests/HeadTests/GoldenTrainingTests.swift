import FileIO
import Foundation
import TensorFormats
import Tensors
import Testing

@testable import Head

/// A whole training run on the real features against PyTorch in double precision.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["AVP_TEST_GOLDEN"] != nil, "AVP_TEST_GOLDEN is not set")
)
struct GoldenTrainingTests {
  let file: SafeTensorsFile
  let features: [[Float]]
  let labels: [Int]
  let batches: [[Int]]

  init() throws {
    let folder = try #require(ProcessInfo.processInfo.environment["AVP_TEST_GOLDEN"])
    file = try SafeTensorsFile(path: folder + "/head-training.safetensors")
    let table = try file.floats("features")
    features = table.values.chunked(table.shape[1])
    labels = try file.int64s("labels").values.map(Int.init)
    let order = try file.int64s("order")
    batches = order.values.map(Int.init).chunked(order.shape[1]).flatMap { $0.chunked(32) }
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

  /// Validation loss, validation accuracy and training accuracy.
  private func evaluation(_ head: HeadParameters) throws -> [Double] {
    func metrics(_ rows: Range<Int>) throws -> Metrics {
      var tally = ExactTally(capacity: rows.count)
      for (logits, label) in zip(head.logits(of: Array(features[rows])), labels[rows]) {
        tally.add(logits: logits, label: label)
      }
      return try tally.metrics()
    }
    let validation = try metrics(694..<894)
    return [validation.loss, validation.accuracy, try metrics(0..<694).accuracy]
  }

  @Test func threeEpochsFollowTheReference() throws {
    var parameters = try head("initial")
    var optimizer = try Optimizer(.init(), parameterCount: parameters.shape.parameterCount)
    let losses = try file.doubles("loss").values
    let norms = try file.doubles("gradient_norm").values
    let epochs = try file.doubles("epoch_validation").values.chunked(3)
    var trainAccuracies: [Metrics] = []
    #expect(batches.count == losses.count)
    for (step, batch) in batches.enumerated() {
      var sum = ExactGradient(shape: parameters.shape, globalBatch: 32)
      sum.add(
        features: batch.map { features[$0] }, labels: batch.map { labels[$0] }, at: parameters)
      let (gradient, metrics) = try sum.mean()
      #expect(abs(metrics.loss / losses[step] - 1) < 1e-5, "step \(step)")
      let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(abs(norm / norms[step] - 1) < 1e-5, "step \(step)")
      optimizer.update(&parameters, gradient: gradient, learningRate: 0.001)
      if step % 22 == 0 { trainAccuracies.append(Metrics()) }
      trainAccuracies[trainAccuracies.count - 1] += metrics
      guard (step + 1) % 22 == 0 else { continue }
      let epoch = step / 22
      let values = try evaluation(parameters)
      #expect(abs(values[0] / epochs[epoch][0] - 1) < 1e-5)
      #expect(values[1] == epochs[epoch][1])
      #expect(
        values[2] == epochs[epoch][2] || trainAccuracies[epoch].accuracy == epochs[epoch][2])
    }
    let final = try head("final")
    var largest = 0.0
    for (value, expected) in zip(parameters.values, final.values) {
      largest = max(largest, abs(Double(value) - Double(expected)))
    }
    #expect(largest < 1e-5)
  }
}

extension Array {
  /// Consecutive parts of `size` elements, the last possibly shorter.
  func chunked(_ size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
