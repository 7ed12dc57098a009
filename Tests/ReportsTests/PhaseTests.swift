import Foundation
import Testing

@testable import Reports

struct PhaseTests {
  private let written = Written()

  private func terminal(_ columns: Int = 80) -> Terminal {
    Terminal(columns: { columns }, write: written.add)
  }

  /// Waits for what another thread shows.
  private func wait(for text: String) {
    let deadline = Date(timeIntervalSinceNow: 30)
    while !written.all.contains(text) && Date() < deadline { usleep(1_000) }
  }

  @Test func aShortPhaseShowsNothing() {
    for terminal in [terminal(), nil] {
      let phase = Phase("predicting", on: terminal, delay: .seconds(3_600)) { written.add($0) }
      phase.update(1, of: 2)
      phase.end()
    }
    #expect(written.all.isEmpty)
  }

  @Test func aLongOneShowsHowFarItIsUntilItsEnd() {
    let phase = Phase("predicting", on: terminal(), delay: .zero)
    phase.update(20, of: 40)
    wait(for: "20/40")
    phase.update(30, of: 40)
    wait(for: "30/40")
    #expect(written.all.contains("30/40"))
    phase.end()
    let all = written.all
    #expect(all.hasSuffix("\r\u{1B}[K"))
    phase.update(40, of: 40)
    usleep(300_000)
    #expect(written.all == all)
  }

  @Test func withoutATerminalItIsAPlainLine() {
    let phase = Phase("listing images", on: nil, delay: .milliseconds(1)) { written.add($0) }
    phase.update(12_345)
    wait(for: "\n")
    phase.end()
    #expect(written.all.hasPrefix("listing images"))
    #expect(!written.all.contains("\u{1B}") && written.all.hasSuffix("\n"))
  }

  @Test func theTextFitsAndHoldsWhatIsKnown() {
    func text(_ done: Int, _ total: Int?, _ seconds: Double, _ width: Int = 79) -> String {
      Phase.text("predicting", done, of: total, seconds: seconds, width: width)
    }
    #expect(text(1_000, 4_000, 60) == "predicting  ━━━━━━──────────────────  1000/4000  3:00 left")
    #expect(text(0, nil, 5) == "predicting  0:05")
    #expect(text(7, nil, 3_725) == "predicting  7  1:02:05")
    #expect(text(0, 0, 1) == "predicting  0:01")
    for total in [nil, 1, 5, .max] as [Int?] {
      for done in [0, 1, 7, 1 << 40] where total == nil || done < 8 {
        for width in 0...100 { #expect(text(done, total, 1e5, width).count <= max(width, 10)) }
      }
    }
  }
}
