import Foundation
import ImageCodecs
import ImageTransforms
import ResNetWeights
import Tensors
import Testing

@testable import Training

@Suite struct ModelRecordTests {
  private func names(_ change: (inout ModelRecord) -> Void) -> [String] {
    let there = SyntheticRun().record
    var here = there
    change(&here)
    return here.differences(from: there).map(\.name)
  }

  @Test func equalRecordsDoNotDiffer() {
    #expect(names { _ in } == [])
  }

  @Test func theToolVersionAndTheKernelsMayDiffer() {
    #expect(
      names {
        $0.toolVersion = "other"
        $0.backbone.kernels = "avx2"
      } == [])
  }

  @Test func everySettingIsListedByTheNameOfItsOption() {
    let differences = names {
      $0.configuration.preset = .keras
      $0.configuration.orientation = .apply
      $0.configuration.geometry = Geometry(size: 160, resize: .crop, cropRatio: 0.9)
      $0.configuration.epochs += 1
      $0.configuration.batchSize += 1
      $0.configuration.hidden += 1
      $0.configuration.optimizer = .sgd
      $0.configuration.learningRate *= 2
      $0.configuration.weightDecay = 0.1
      $0.configuration.momentum = 0.5
      $0.configuration.schedule = .cosine
      $0.configuration.stepDecay = StepDecay(epochs: 2, factor: 0.5)
      $0.configuration.warmupEpochs = 1
      $0.configuration.seed += 1
      $0.configuration.augmentation = nil
      $0.configuration.views = 2
      $0.configuration.maxSteps = 9
      $0.configuration.onBadImage = .skip
    }
    #expect(
      differences == [
        "image-size", "resize", "crop-ratio", "preset", "exif-orientation", "epochs", "batch-size",
        "hidden", "optimizer", "lr",
        "weight-decay", "momentum",
        "schedule", "step-epochs", "step-factor", "warmup-epochs", "max-steps", "seed",
        "on-bad-image", "augment", "shear", "zoom", "hflip", "no-augment", "views",
      ])
  }

  /// Records of images as they are stored are those of versions without the choice, byte for byte;
  /// those versions must not take the others.
  @Test func aRecordTellsOfOrientationWhereItIsApplied() throws {
    func text(_ policy: OrientationPolicy) throws -> (format: Int, text: String) {
      var run = SyntheticRun()
      run.configuration.orientation = policy
      let text = String(decoding: try JSONEncoder().encode(run.record), as: UTF8.self)
      let read = try JSONDecoder().decode(ModelRecord.self, from: Data(text.utf8))
      #expect(read.configuration.orientation == policy)
      return (read.format, text)
    }
    let (ignoring, applying) = (try text(.ignore), try text(.apply))
    #expect(ignoring.format == 1 && !ignoring.text.lowercased().contains("orientation"))
    #expect(applying.format == 2 && applying.text.contains(#""exifOrientation":"apply""#))
  }

  /// As with the orientation: no word of what has always been so.
  @Test func aRecordTellsOfAnotherGeometry() throws {
    func text(_ geometry: Geometry) throws -> (format: Int, text: String) {
      var run = SyntheticRun()
      run.configuration.geometry = geometry
      let text = String(decoding: try JSONEncoder().encode(run.record), as: UTF8.self)
      let read = try JSONDecoder().decode(ModelRecord.self, from: Data(text.utf8))
      #expect(read.configuration.geometry == geometry)
      return (read.format, text)
    }
    let (usual, other) = (try text(Geometry()), try text(Geometry(size: 160)))
    #expect(usual.format == 1 && !usual.text.contains("eometry"))
    #expect(other.format == 4 && other.text.contains(#""imageGeometry":{"#))
  }

  @Test func aRecordTellsOfFurtherAugmentation() throws {
    var run = SyntheticRun()
    run.configuration.augmentation?["rotation"] = "5"
    let record = run.record
    #expect(record.format == 4)
    #expect(
      try JSONDecoder().decode(ModelRecord.self, from: JSONEncoder().encode(record)) == record)
    #expect(
      record.differences(from: SyntheticRun().record).map { [$0.name, $0.there, $0.here] }
        == [["augment", "article", "own"], ["rotation", "0", "5"]])
  }

  @Test func dataAndWeightsAreCompared() {
    let differences = names {
      $0.dataset = "other"
      $0.classes = ["a", "b"]
      $0.backbone.fingerprint = "other"
      $0.backbone.featureLayer = "layer3"
      $0.preprocessing.normalisation = .caffe
    }
    #expect(differences == ["dataset", "classes", "weights", "feature-layer", "normalisation"])
  }

  /// The same weights may have another name, and a name tells nothing about the weights.
  @Test func weightsAreComparedByTheirFingerprint() {
    #expect(names { $0.backbone.name = "converted.safetensors" } == [])
    #expect(names { $0.backbone.fingerprint = String(repeating: "0", count: 64) } == ["weights"])
  }

  @Test func aDifferenceHoldsBothValues() {
    let there = SyntheticRun().record
    var here = there
    here.configuration.learningRate = 0.5
    #expect(
      here.differences(from: there) == [
        SettingDifference(name: "lr", there: "0.05", here: "0.5", mayChange: true)
      ])
  }

  /// Nothing in the texts is Swift's: neither types nor a fraction that nobody typed.
  @Test func valuesReadAsOneTypesThem() {
    let there = SyntheticRun().record
    var here = there
    here.configuration.augmentation = nil
    here.configuration.warmupEpochs = 1
    here.configuration.maxSteps = 3
    let values = here.differences(from: there).map { [$0.name, $0.there, $0.here] }
    #expect(
      values == [
        ["warmup-epochs", "0", "1"],
        ["max-steps", "none", "3"],
        ["augment", "article", "none"], ["shear", "10", "0"], ["zoom", "0.2", "0"],
        ["hflip", "0.5", "0"], ["no-augment", "none", "given"],
      ])
  }

  /// Records of versions without the options mean the values that were fixed then.
  @Test func aStepScheduleWithoutItsOptionsHasTheDefaults() throws {
    var there = SyntheticRun().record
    there.configuration.schedule = .step
    var here = there
    here.configuration.stepDecay = StepDecay()
    #expect(here.differences(from: there) == [])
    let schedule = try here.configuration.learningRateSchedule()
    #expect(schedule == (try there.configuration.learningRateSchedule()))
    #expect(schedule.decayEpochs == 30 && schedule.decayRate == 0.1)
    let text = String(decoding: try JSONEncoder().encode(there.configuration), as: UTF8.self)
    #expect(!text.contains("stepDecay"))
  }

  @Test func theFallsOfTheStepScheduleAreThoseAskedFor() throws {
    var configuration = SyntheticRun().configuration
    configuration.schedule = .step
    configuration.epochs = 6
    configuration.learningRate = 1
    configuration.stepDecay = StepDecay(epochs: 2, factor: 0.5)
    let schedule = try configuration.learningRateSchedule()
    let rates = (0..<6).map { schedule.rate(step: $0 * 3, stepsPerEpoch: 3) }
    #expect(rates == [1, 1, 0.5, 0.5, 0.25, 0.25])
  }

  @Test func anotherNormalisationIsToldInNumbers() {
    let here = SyntheticRun().record
    var there = here
    there.preprocessing.normalisation = .caffe
    #expect(
      here.differences(from: there) == [
        SettingDifference(
          name: "normalisation",
          there: "BGR times 1.0, minus (103.939, 116.779, 123.68), divided by (1.0, 1.0, 1.0)",
          here: "RGB times 0.00392156862745098, minus (0.485, 0.456, 0.406), divided by "
            + "(0.229, 0.224, 0.225)")
      ])
  }
}

/// The names under which a run's settings are in checkpoints and models.
@Suite struct SavedNameTests {
  /// One without a name would silently have its default again in a resumed run.
  @Test func everySettingHasAName() {
    #expect(
      Mirror(reflecting: TrainingConfiguration()).children.count
        == TrainingConfiguration.CodingKeys.allCases.count)
  }

  @Test func theNamesStayThoseOfOlderFiles() throws {
    let (configuration, transform) = (SyntheticRun().record.configuration, Normalisation.torch)
    let text = try [
      JSONEncoder().encode(configuration), JSONEncoder().encode(transform),
      JSONEncoder().encode(WeightConventions.keras),
    ].map { String(decoding: $0, as: UTF8.self) }
    for (json, name) in zip(text, ["optimiser", "deviation", "stridePlace"]) {
      #expect(json.contains("\"\(name)\":"), "\(json)")
    }
  }
}
