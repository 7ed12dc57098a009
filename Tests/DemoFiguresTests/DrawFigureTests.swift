import DemoFigures
import ImageCodecs
import Tensors
import Testing

@Suite struct DrawFigureTests {
  @Test(arguments: FigureKind.allCases)
  func isAFunctionOfItsArguments(kind: FigureKind) {
    let image = drawFigure(kind: kind, seed: 3, index: 5)
    #expect(image == drawFigure(kind: kind, seed: 3, index: 5))
    #expect(image != drawFigure(kind: kind, seed: 3, index: 6))
    #expect(image != drawFigure(kind: kind, seed: 4, index: 5))
  }

  @Test func kindsDrawDifferentImages() {
    let images = FigureKind.allCases.map { drawFigure(kind: $0, seed: 0, index: 0).pixels }
    #expect(Set(images).count == FigureKind.allCases.count)
  }

  @Test func sizesVaryWithinTheirRange() {
    let images = (0..<30).map { drawFigure(kind: .alien, seed: 1, index: $0) }
    #expect(images.allSatisfy { (160...320).contains($0.width) })
    #expect(images.allSatisfy { (160...320).contains($0.height) })
    #expect(Set(images.map(\.width)).count > 15)
    #expect(images.contains { $0.width > $0.height })
    #expect(images.contains { $0.width < $0.height })
  }

  @Test func setsHaveTheirClasses() {
    #expect(DemoSet.demo.kinds.map(\.className) == ["alien", "predator"])
    let training = DemoSet.backboneTraining.kinds.map(\.className)
    #expect(training.count == 12)
    #expect(training == training.sorted())
    #expect(Set(training).isDisjoint(with: ["alien", "predator"]))
  }

  /// The two classes must not give themselves away by colour: the average over many images of
  /// each differs by less than the spread between images.
  @Test func classesHaveAboutTheSameColours() {
    let means = DemoSet.demo.kinds.map { kind in
      (0..<60).map { meanLevel(drawFigure(kind: kind, seed: 0, index: $0)) }
    }
    let averages = means.map { $0.reduce(0, +) / Double($0.count) }
    let spread = (means[0].map { ($0 - averages[0]) * ($0 - averages[0]) }.reduce(0, +) / 60)
      .squareRoot()
    #expect(abs(averages[0] - averages[1]) < spread / 2)
  }

  @Test(arguments: [FigureKind.alien, .predator, .gear])
  func figuresStandOutFromTheirBackground(kind: FigureKind) {
    for index in 0..<10 {
      let image = drawFigure(kind: kind, seed: 2, index: index)
      let levels = image.pixels.map(Double.init)
      let mean = levels.reduce(0, +) / Double(levels.count)
      let variance = levels.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(levels.count)
      #expect(variance > 100)
    }
  }

  private func meanLevel(_ image: RGBImage) -> Double {
    Double(image.pixels.reduce(0) { $0 + Int($1) }) / Double(image.pixels.count)
  }
}
