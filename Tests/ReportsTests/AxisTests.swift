import Testing

@testable import Reports

/// The vertical axes of charts.
@Suite struct AxisTests {
  @Test(arguments: [
    (0.0, 1.0), (0.81, 1.0), (0.0, 0.47), (0.3, 0.3), (0.0, 0.0), (-2.5, 17.0), (1e-6, 3e-6),
    (1e6, 1.5e6),
  ])
  func anAxisHoldsItsValuesWithAFewRoundTicks(least: Double, most: Double) {
    let axis = Axis(least, most)
    let slack = axis.step * 1e-9
    #expect(axis.bottom <= least + slack && axis.top >= most - slack)
    #expect(axis.top > axis.bottom)
    #expect((2...8).contains(axis.ticks.count), "\(axis.ticks)")
    #expect(Set(axis.ticks.map(axis.label)).count == axis.ticks.count, "\(axis.ticks)")
  }

  @Test func labelsHaveTheDigitsThatTheStepNeeds() {
    let axis = Axis(0.81, 1)
    #expect(axis.ticks.map(axis.label) == ["0.80", "0.85", "0.90", "0.95", "1.00"])
    #expect(Axis(0, 40).ticks.map(Axis(0, 40).label) == ["0", "10", "20", "30", "40"])
  }

  @Test(
    arguments: [
      [1e-300], [0, 1e-300], [-1e308, 1e308], [1e99, 1.000000000000001e99], [-1e99, 1e99],
      [1e-20, 0],
    ] as [[Double]])
  func aChartOfAnythingIsDrawn(values: [Double]) {
    for lowest in [nil, 0.0] {
      let chart = LineChart(
        title: "", epochs: Array(values.indices),
        series: [.init(name: "", colour: "--accent", values: values)], lowest: lowest)
      #expect(!chart.html.contains("nan") && !chart.html.contains("inf\""))
    }
  }

  @Test func aChartLeavesValuesOutThatAreNoNumbers() {
    let values = [0.5, .nan, .infinity, 0.25]
    let chart = LineChart(
      title: "a < b", epochs: [3, 4, 5, 6],
      series: [.init(name: "x", colour: "--accent", values: values)])
    #expect(chart.html.contains("a &lt; b"))
    #expect(chart.html.components(separatedBy: "<circle").count - 1 == 2)
    #expect(!chart.html.contains("nan") && !chart.html.contains("inf"))
    // A run that went on in another folder begins with a later epoch.
    #expect(chart.html.contains(">3</text>") && chart.html.contains("epoch 6: 0.2500"))
    #expect(LineChart(title: "", epochs: [], series: []).html.isEmpty)
  }
}
