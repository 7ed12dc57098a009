import Testing

@testable import Scoring

/// What the references do not say: edges, and our own conventions.
@Suite struct ScoreTests {
  @Test func theFirstOfEqualClassesIsLikelier() {
    let scores = [[Double]](repeating: [0, 1, 1, 1, 0], count: 4)
    #expect(topAccuracy(2, scores: scores, labels: [1, 2, 3, 0]) == 0.5)
    #expect(topAccuracy(5, scores: scores, labels: [1, 2, 3, 0]) == 1)
  }

  @Test func tiesCountHalf() {
    let areas = AreasUnderROC(
      probabilities: [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]], labels: [0, 1, 1], classes: 2)
    #expect(areas.classes == [0.75, 0.75])
    #expect(areas.macro == 0.75)
  }

  @Test func aClassWithoutImagesOrWithAllHasNoArea() {
    let areas = AreasUnderROC(
      probabilities: [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]], labels: [0, 1], classes: 3)
    #expect(areas.leftOut == [2])
    let one = AreasUnderROC(probabilities: [[0.5, 0.5]], labels: [0], classes: 2)
    #expect(one.macro == nil)
    #expect(one.leftOut == [0, 1])
  }

  @Test func aBinHoldsItsUpperEnd() {
    // 0.6 is the upper end of a bin, so the two are apart: |0 - 0.6| and |1 - 0.61|.
    let error = calibrationError(probabilities: [[0.6, 0.4], [0.61, 0.39]], labels: [1, 0])
    #expect(abs((error ?? 0) - (0.6 + 0.39) / 2) < 1e-12)
  }

  @Test func noTemperatureWhereNothingCanBeLearnt() {
    #expect(Temperature.fitted(logits: [], labels: []) == nil)
    #expect(Temperature.fitted(logits: [[2, 0], [0, 1]], labels: [0, 1]) == nil)
    #expect(Temperature.fitted(logits: [[2, 0], [0, 1]], labels: [1, 0]) == nil)
    #expect(Temperature.fitted(logits: [[0, 0], [0, 0]], labels: [1, 0]) == nil)
  }

  @Test func theTemperatureIsThatOfTheOdds() throws {
    // Three of four are right at logits 5 and 0: the best probability is 3/4, so 5 / T = log 3.
    let logits = [[Double]](repeating: [5, 0], count: 4)
    let temperature = try #require(Temperature.fitted(logits: logits, labels: [0, 0, 0, 1]))
    #expect(abs(temperature - 5 / 1.0986122886681098) < 1e-9)
  }

  @Test func nothingAndEverythingRight() {
    let none = WilsonInterval(right: 0, of: 10)
    let all = WilsonInterval(right: 10, of: 10)
    #expect(none.low == 0 && abs(none.high - 0.2775327998628899) < 1e-12)
    #expect(all.high == 1 && abs(all.low - 0.7224672001371107) < 1e-12)
  }

  @Test func noImages() {
    #expect(ClassifierScores(logits: [], labels: [], classes: 3) == nil)
    let found = ConfidentLearning(probabilities: [], labels: [], classes: 2)
    #expect(found.issues.isEmpty && found.errorShare == 0)
    let figures = ConfusionFigures(confusion: [[0, 0], [0, 0]])
    #expect(figures.macroF1 == nil && figures.balancedAccuracy == nil)
  }

  @Test func aWrongLabelIsFound() {
    var probabilities = [[Double]](repeating: [0.9, 0.1], count: 10)
    probabilities += [[Double]](repeating: [0.1, 0.9], count: 10)
    var labels = [Int](repeating: 0, count: 10) + [Int](repeating: 1, count: 10)
    labels[3] = 1
    let found = ConfidentLearning(probabilities: probabilities, labels: labels, classes: 2)
    #expect(found.issues == [3])
    #expect(found.likeliest[3] == 0 && found.selfConfidence[3] == 0.1)
    #expect(abs(found.errorShare - 0.05) < 1e-12)
  }

  @Test func roundingKeepsTheSum() {
    #expect(rounded([0.5, 0.5, 1]) == [0, 1, 1])
    #expect(rounded([1.5, 1.5, 1]) == [1, 2, 1])
    #expect(rounded([]) == [])
  }
}
