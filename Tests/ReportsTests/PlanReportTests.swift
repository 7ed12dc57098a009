import Diagnosis
import Testing

@testable import Reports

@Suite struct PlanReportTests {
  private func report(bandwidth: Double, upTo most: Int) -> PlanReport {
    var model = CostModel(rate: 40)
    (model.bandwidth, model.latency, model.deviation) = (bandwidth, 0.001, 0)
    (model.work.train, model.work.batch, model.work.parameters) = (320, 32, 262_530)
    return PlanReport(model, upTo: most)
  }

  @Test func aTableOfHosts() {
    #expect(
      report(bandwidth: 1.25e8, upTo: 2).text == """
        An epoch of 320 images in steps of 32, 40.0 images/s on a host, 1.00 ms a
          message, 1000 Mbit/s, 2.1 MB of gradients:

         hosts  gradients   features     faster  speed-up  efficiency    limit   cached
             1      8.0 s      8.0 s          -      1.00       100 %   images      0 s
             2      4.0 s      4.0 s  gradients      2.00       100 %   images  40.5 ms

        All 2 hosts are of use.
        """)
  }

  @Test func whatASlowNetworkLimits() {
    let text = report(bandwidth: 1.25e6, upTo: 16).text
    #expect(text.contains("network"))
    #expect(text.contains("features"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 79 })
  }
}
