import Testing

@testable import Reports
@testable import Training

/// What the page of a run says about its ranks.
@Suite struct RankTableTests {
  private func line(epoch: Int, _ ranks: [RankTimes]) throws -> [UInt8] {
    Array(try #require(MetricsLine.json(.ranks(epoch: epoch, ranks))).utf8)
  }

  private func times(
    _ host: String, images: Int = 10, features: Double, waiting: Double = 0
  ) -> RankTimes {
    RankTimes(
      host: host, images: images, features: features, own: 0.5, waiting: waiting, seconds: 9)
  }

  @Test func epochsAreAddedByRankAndHost() throws {
    var table = RankTable()
    #expect(table.html == nil)
    for epoch in 1...2 {
      table.add(
        try line(epoch: epoch, [times("a", features: 2, waiting: 3), times("b", features: 5)]))
    }
    // The run goes on elsewhere.
    table.add(try line(epoch: 3, [times("a", features: 2), times("<c>", features: 1)]))
    let html = try #require(table.html)
    func row(_ text: String) -> Bool { html.contains("<tr><th>\(text)</td></tr>") }
    let bar = "<td class=\"bar\" style=\"--share:"
    #expect(
      row(
        "0</th><td>a</td><td>30</td>\(bar)0.400\">0.2000</td><td>6.0</td><td>1.5</td><td>6.0"))
    #expect(
      row(
        "1</th><td>b</td><td>20</td>\(bar)1.000\">0.5000</td><td>10.0</td><td>1.0</td><td>0.0"))
    #expect(html.contains("<td>&lt;c&gt;</td>") && !html.contains("<c>"))
    #expect(html.contains("<h2>The ranks</h2>"))
  }

  @Test func ofManyRanksTheSlowestAreShown() throws {
    var table = RankTable()
    table.add(try line(epoch: 1, (0..<500).map { times("h\($0)", features: Double($0)) }))
    let html = try #require(table.html)
    #expect(html.contains("<h2>The ranks, the 64 slowest of 500</h2>"))
    #expect(html.contains("<td>h499</td>") && html.contains("<td>h436</td>"))
    #expect(!html.contains("<td>h435</td>"))
  }

  /// The file may be a stranger's, or torn.
  @Test(arguments: [
    "", "{", #"{"event":"epoch"}"#,
    #"{"event":"ranks","hosts":["a"],"images":[],"feature_seconds":[],"own_seconds":[],"waiting_seconds":[]}"#,
    #"{"event":"ranks","hosts":["a"],"images":[1],"feature_seconds":[-1],"own_seconds":[1],"waiting_seconds":[1]}"#,
    #"{"event":"ranks","hosts":["a"],"images":[1],"feature_seconds":[1e99],"own_seconds":[1],"waiting_seconds":[1]}"#,
    #"{"event":"ranks","hosts":["a"],"images":[9223372036854775807],"feature_seconds":[1],"own_seconds":[1],"waiting_seconds":[1]}"#,
    #"{"event":"ranks","hosts":[1],"images":[1],"feature_seconds":[1],"own_seconds":[1],"waiting_seconds":[1]}"#,
  ])
  func whatIsNoLineOfRanksIsLeftOut(text: String) {
    var table = RankTable()
    table.add(Array(text.utf8))
    #expect(table.html == nil)
  }
}
