import Foundation
import Testing

extension ToolTests {
  /// The pages to look at.
  @Suite struct PageTests {
    private let scratch: TemporaryFolder
    private let page: String

    init() throws {
      scratch = try TemporaryFolder()
      page = scratch.path + "/page.html"
    }

    private func html() throws -> String { try scratch.text("page.html") }

    private func count(_ text: String, in page: String) -> Int {
      page.components(separatedBy: text).count - 1
    }

    @Test func whatIsNoRunHasNoReport() throws {
      let outcome = try run([Program.tool, "report", scratch.path, "--output", page])
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("\(scratch.path) is no run: it has no config.json."))
      for (text, reason) in [
        ("{", "it is no whole JSON text"), ("{}", "\"toolVersion\" is missing"),
      ] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.path + "/config.json"))
        let outcome = try run([Program.tool, "report", scratch.path])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("is not what a run writes: \(reason)"))
      }
      #expect(try run([Program.tool, "report"]).status == 64)
      let whole = try Workshop.whole.get()
      #expect(
        try run([Program.tool, "report", whole, "--output", page, "--threads", "0"]).status == 64)
    }

    @Test func aReportShowsCurvesMatrixAndImages() throws {
      let folder = try Workshop.whole.get()
      let outcome = try run([
        Program.tool, "report", folder, "--output", page, "--images", "5",
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let html = try html()
      #expect(count("<svg", in: html) == 2)
      #expect(count("<title>epoch 2: ", in: html) == 4)
      #expect(count("src=\"data:image/jpeg;base64,/9j/", in: html) == 5)
      #expect(count("✓", in: html) == 6)
      #expect(count("Grad-CAM", in: html) == 1)
      #expect(html.contains(" of 8 are classified rightly."))
      #expect(html.contains("<tr><th>batch-size</th><td>8</td></tr>"))
      #expect(!html.contains("http"), "the page must need nothing from outside")
    }

    /// The matrix is that of the evaluation of the same head.
    @Test func theMatrixIsThatOfTheEvaluation() throws {
      let folder = try Workshop.whole.get()
      _ = try run([Program.tool, "report", folder, "--output", page, "--images", "0"])
      let evaluated = try Workshop.object(
        run([
          Program.tool, "evaluate", "--checkpoint", folder + "/best.safetensors", "--data",
          Workshop.data.get(), "--json",
        ]).output)
      let expected = try #require(evaluated["confusion"] as? [[Int]]).joined()
      let pattern = #/<td class="(?:right|wrong)" style="--share:[0-9.]+">(\d+)</td>/#
      let found = try html().matches(of: pattern).compactMap { Int($0.1) }
      #expect(found == Array(expected))
    }

    @Test func aReportWithoutTheImagesHasTheCurves() throws {
      let outcome = try run([
        Program.tool, "report", Workshop.whole.get(), "--output", page, "--data",
        scratch.path + "/nothing",
      ])
      #expect(outcome.status == 0)
      #expect(outcome.errors.contains("there is no folder \(scratch.path)/nothing"))
      #expect(try count("<svg", in: html()) == 2)
      #expect(try html().contains("The validation images were not classified for this page"))
    }

    private func preview(_ more: [String]) throws -> String {
      let words = ["preview", "--data", try Workshop.data.get(), "--output", page]
      let outcome = try run([Program.tool] + words + more)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try html()
    }

    @Test func aPreviewShowsWhatTrainingSees() throws {
      let plain = try preview(["--images", "5", "--epochs", "3"])
      #expect(count("<img", in: plain) == 5 * 4)
      #expect(count("<th>alien<br>", in: plain) == 3 && count("<th>predator<br>", in: plain) == 2)
      #expect(try preview(["--images", "5", "--epochs", "3"]) == plain)
      #expect(try preview(["--images", "5", "--epochs", "3", "--seed", "1"]) != plain)
      #expect(try preview(["--images", "5", "--epochs", "3", "--preset", "keras"]) != plain)
    }

    /// Without any variation every column is the same.
    @Test func aPreviewWithoutVariationRepeatsTheImage() throws {
      let html = try preview([
        "--images", "1", "--epochs", "2", "--shear", "0", "--zoom", "0", "--hflip", "0",
      ])
      let images = html.matches(of: #/src="([^"]+)"/#).map(\.1)
      #expect(images.count == 3 && Set(images).count == 1)
    }
  }
}
