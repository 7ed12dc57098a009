import Foundation
import Testing

@testable import Scoring

/// Problems with what scikit-learn, SciPy and cleanlab make of them: those of
/// scripts/make-golden-scores, or of the file that AVP_TEST_SCORES names (scripts/test-scores).
@Suite struct GoldenScoreTests {
  struct Problem: Decodable {
    struct Confident: Decodable {
      let thresholds, margins: [Double]
      let joint, calibrated: [[Int]]
      let errorShare: Double
      let issues: [Int]
    }
    struct Expected: Decodable {
      let confusion: [[Int]]
      let precision, recall, f1, areas: [Double?]
      let macroF1, balancedAccuracy, calibrationError, logLoss: Double
      let auc, aucOfLogits, topFive, temperature: Double?
      let interval: [Double]
      let confident: Confident?
    }
    let classes: Int
    let labels: [Int]
    let logits, probabilities: [[Double]]
    let expected: Expected
  }

  private static func problems() throws -> [Problem] {
    let file =
      ProcessInfo.processInfo.environment["AVP_TEST_SCORES"].map { URL(fileURLWithPath: $0) }
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/scores.jsonl")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map {
      try decoder.decode(Problem.self, from: $0)
    }
  }

  private func near(_ value: Double?, _ expected: Double?) -> Bool {
    guard let value, let expected else { return value == nil && expected == nil }
    return abs(value - expected) <= 1e-9 * max(1, abs(expected))
  }

  private func near(_ values: [Double?], _ expected: [Double?]) -> Bool {
    values.count == expected.count && zip(values, expected).allSatisfy { near($0, $1) }
  }

  @Test func figuresOfTheConfusionMatrix() throws {
    for (index, problem) in try Self.problems().enumerated() {
      let expected = problem.expected
      let figures = ConfusionFigures(confusion: expected.confusion)
      #expect(near(figures.classes.map(\.precision), expected.precision), "problem \(index)")
      #expect(near(figures.classes.map(\.recall), expected.recall), "problem \(index)")
      #expect(near(figures.classes.map(\.f1), expected.f1), "problem \(index)")
      #expect(near(figures.macroF1, expected.macroF1), "problem \(index)")
      #expect(near(figures.balancedAccuracy, expected.balancedAccuracy), "problem \(index)")
      let right = figures.classes.reduce(0) { $0 + $1.right }
      let interval = WilsonInterval(right: right, of: problem.labels.count)
      #expect(near([interval.low, interval.high], expected.interval), "problem \(index)")
    }
  }

  @Test func scoresOfProbabilities() throws {
    for (index, problem) in try Self.problems().enumerated() {
      let (expected, labels) = (problem.expected, problem.labels)
      let areas = AreasUnderROC(
        probabilities: problem.probabilities, labels: labels, classes: problem.classes)
      #expect(near(areas.classes, expected.areas), "problem \(index)")
      #expect(near(areas.macro, expected.auc), "problem \(index)")
      #expect(areas.leftOut == expected.areas.indices.filter { expected.areas[$0] == nil })
      let error = calibrationError(probabilities: problem.probabilities, labels: labels)
      #expect(near(error, expected.calibrationError), "problem \(index)")
      if let topFive = expected.topFive {
        let share = topAccuracy(5, scores: problem.probabilities, labels: labels)
        #expect(near(share, topFive), "problem \(index)")
      }
    }
  }

  @Test func scoresOfLogits() throws {
    for (index, problem) in try Self.problems().enumerated() {
      let (expected, labels) = (problem.expected, problem.labels)
      #expect(near(logLoss(logits: problem.logits, labels: labels), expected.logLoss))
      let temperature = Temperature.fitted(logits: problem.logits, labels: labels)
      #expect(near(temperature, expected.temperature), "problem \(index)")
      let scores = ClassifierScores(
        logits: problem.logits, labels: labels, classes: problem.classes)
      #expect(near(scores?.logLoss, expected.logLoss), "problem \(index)")
      if let auc = expected.aucOfLogits { #expect(near(scores?.auc, auc), "problem \(index)") }
      #expect((scores?.topFive == nil) == (problem.classes < 6), "problem \(index)")
    }
  }

  @Test func confidentLearning() throws {
    for (index, problem) in try Self.problems().enumerated() {
      guard let expected = problem.expected.confident else { continue }
      let found = ConfidentLearning(
        probabilities: problem.probabilities, labels: problem.labels, classes: problem.classes)
      // For a class without images cleanlab has a threshold that no probability reaches, and it
      // lifts one of zero a little.
      let thresholds = found.thresholds.map { $0.map { max($0, 2e-6) } ?? 2 }
      #expect(near(thresholds, expected.thresholds), "problem \(index)")
      #expect(found.joint == expected.joint, "problem \(index)")
      #expect(found.calibratedJoint == expected.calibrated, "problem \(index)")
      #expect(near(found.errorShare, expected.errorShare), "problem \(index)")
      #expect(near(found.margins, expected.margins), "problem \(index)")
      #expect(found.issues == expected.issues, "problem \(index)")
    }
  }
}
