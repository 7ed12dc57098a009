import Testing

@testable import Reports
@testable import Training

struct EpochTableTests {
  private func metrics(
    _ epoch: Int, loss: Double = 0.25, accuracy: Double = 0.5, skipped: [String] = []
  ) -> EpochMetrics {
    EpochMetrics(
      epoch: epoch, trainLoss: loss, trainAccuracy: accuracy, validationLoss: loss,
      validationAccuracy: accuracy, skipped: skipped)
  }

  private static let losses = [
    0, 1e-300, 1e-9, 0.00099999, 0.001, 0.5, 9.99996, 999.8999, 999.9, 1e9, 1e300, .nan, .infinity,
  ]

  @Test(arguments: losses, [1, 999, 1_000_000])
  func noLineIsWiderThan79ColumnsAndNoFieldHoldsASpace(loss: Double, epochs: Int) {
    var table = EpochTable()
    for time in [1e-9, 0.04, 99_998.96, 99_999, 1e7, 99_999_998.9, 1e9, 1e99, .infinity] {
      let text = table.text(
        metrics(epochs, loss: loss), of: epochs, seconds: time, rate: 1 / time, isBest: true)
      let lines = text.split(separator: "\n")
      for line in lines { #expect(line.count <= 79, "\(line)") }
      let fields = lines.last?.split(separator: " ") ?? []
      #expect(fields.count == 8 && fields.first == "\(epochs)/\(epochs)" && fields.last == "*")
    }
  }

  @Test(arguments: losses + [1_000, 9_999.4])
  func lossesHaveEightCharactersAtMost(loss: Double) {
    #expect(EpochTable.loss(loss).count <= 8)
  }

  @Test func columnsStandBelowTheirTitles() {
    var table = EpochTable()
    let first = table.text(metrics(9), of: 40, seconds: 12.34, rate: 29.81, isBest: true)
    #expect(
      first == """
        epoch  train loss  accuracy  val loss  accuracy   seconds  images/s  * best
         9/40      0.2500     0.500    0.2500     0.500      12.3      29.8 *

        """)
    let second = table.text(metrics(10, loss: 1e-9), of: 40, seconds: 3, rate: 1, isBest: false)
    #expect(
      second == "10/40     1.0e-09     0.500   1.0e-09     0.500       3.0       1.0\n")
  }

  @Test(arguments: [19, 39, 59, 79])
  func aNarrowTerminalHasTheMostTellingColumns(width: Int) {
    var table = EpochTable()
    let text = table.text(
      metrics(1, accuracy: 0.875), of: 3, seconds: 1, rate: 1, isBest: true, width: width)
    for line in text.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
    #expect(text.hasPrefix("epoch") && text.contains(" 0.875") && text.hasSuffix("*\n"))
  }

  @Test func theHeaderComesAgainOnATerminalAlone() {
    for (repeats, expected) in [(true, 3), (false, 1)] {
      var table = EpochTable()
      let text = (1...45).map { epoch in
        table.text(
          metrics(epoch), of: 45, seconds: 1, rate: 1, isBest: false, repeatsHeader: repeats)
      }.joined()
      #expect(text.split(separator: "\n").count { $0.hasPrefix("epoch") } == expected)
    }
  }
}
