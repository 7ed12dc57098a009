import Foundation
import ImageCodecs
import Testing

@testable import Reports
@testable import Training

/// The keys that other programs read.
struct MetricsLineTests {
  private func object(_ event: TrainingEvent) throws -> [String: Any] {
    let line = try #require(MetricsLine.json(event))
    #expect(!line.contains("\n"))
    return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  /// Values that differ, so that none can stand for another.
  private static let epoch = EpochMetrics(
    epoch: 3, trainLoss: 0.125, trainAccuracy: 0.25, validationLoss: 0.5, validationAccuracy: 0.75,
    skipped: ["a/b.jpg"])

  private static let ranks = [
    RankTimes(host: "a", images: 5, features: 1.5, own: 0.25, waiting: 0.75, seconds: 3),
    RankTimes(host: "b", images: 6, features: 2.3456, own: 0.5, waiting: 0.125, seconds: 3),
  ]

  @Test func everyEventHasItsKeysAndValues() throws {
    let tally = ImageTally(
      (0..<9).map { ImageNotes(isTurned: $0 < 4, isDeepGrey: $0 >= 4) })
    let cases: [(TrainingEvent, [String: Any])] = [
      (
        .started(stepsPerEpoch: 7, epochs: 9, completedSteps: 11),
        ["event": "started", "steps_per_epoch": 7, "epochs": 9, "completed_steps": 11]
      ),
      (
        .step(epoch: 1, step: 2, images: 64, meanLoss: 0.5),
        ["event": "step", "epoch": 1, "step": 2, "pictures": 64, "mean_loss": 0.5]
      ),
      (
        .epoch(Self.epoch, seconds: 12.5, imagesPerSecond: 40, isBest: true),
        [
          "event": "epoch", "epoch": 3, "train_loss": 0.125, "train_accuracy": 0.25,
          "validation_loss": 0.5, "validation_accuracy": 0.75, "skipped": ["a/b.jpg"],
          "seconds": 12.5, "images_per_second": 40, "best": true,
        ]
      ),
      (
        .ranks(epoch: 2, Self.ranks),
        [
          "event": "ranks", "epoch": 2, "hosts": ["a", "b"], "images": [5, 6],
          "feature_seconds": [1.5, 2.346], "own_seconds": [0.25, 0.5],
          "waiting_seconds": [0.75, 0.125],
        ]
      ),
      (.images(tally), ["event": "pictures", "exif_orientation": 4, "grey16_bit": 5]),
      (
        .checkpoint(path: "runs/x", epoch: 2, step: 6),
        ["event": "checkpoint", "path": "runs/x", "epoch": 2, "step": 6]
      ),
      (.warning("w"), ["event": "warning", "message": "w"]),
    ]
    for (event, expected) in cases {
      #expect(try object(event) as NSDictionary == expected as NSDictionary)
    }
    #expect(MetricsLine.json(.validating(epoch: 1, done: 0, total: 3)) == nil)
  }

  /// `report` reads the epochs back.
  @Test func anEpochIsReadBack() throws {
    let line = try #require(
      MetricsLine.json(.epoch(Self.epoch, seconds: 1, imagesPerSecond: 1, isBest: false)))
    #expect(try JSONDecoder().decode(EpochMetrics.self, from: Data(line.utf8)) == Self.epoch)
  }
}
