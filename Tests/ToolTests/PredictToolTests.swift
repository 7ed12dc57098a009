import FileIO
import Foundation
import TensorFormats
import Testing

extension ToolTests {
  /// `predict` and `features` on images some of which cannot be used, on one rank and on several.
  @Suite struct PredictToolTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default

    init() throws { scratch = try TemporaryFolder() }

    /// Eight images, of which `0001.jpg` is none and `0003.jpg` is a link to nowhere.
    private func album() throws -> String {
      let album = scratch.path + "/album"
      for kind in ["alien", "predator"] {
        try files.createDirectory(atPath: album, withIntermediateDirectories: true)
        try files.copyItem(
          atPath: Workshop.data.get() + "/validation/" + kind, toPath: "\(album)/\(kind)")
      }
      try Data("%PDF-1.7".utf8).write(to: URL(fileURLWithPath: album + "/alien/0001.jpg"))
      try files.removeItem(atPath: album + "/alien/0003.jpg")
      try files.createSymbolicLink(
        atPath: album + "/alien/0003.jpg", withDestinationPath: "nowhere")
      return album
    }

    private func predict(_ words: [String], ranks: Int? = nil) throws -> Outcome {
      let model = try Workshop.whole.get() + "/model.safetensors"
      return try run(
        onRanks(ranks, [Program.tool, "predict", "--checkpoint", model, "--threads", "1"] + words))
    }

    @Test func anImageThatCannotBeUsedHasARowOfItsOwn() throws {
      let album = try album()
      let outcome = try predict([album, album + "/gone.jpg"])
      // The first one decides.
      #expect(outcome.status == 65)
      #expect(outcome.lines.count == 10)
      #expect(outcome.lines[2].hasPrefix("\(album)/alien/0001.jpg"))
      #expect(outcome.lines[2].contains("cannot be decoded: it is a PDF file"))
      #expect(outcome.lines[4].contains("cannot be used: No such file"))
      #expect(outcome.lines[8].hasPrefix("\(album)/predator/0003.jpg"))
      #expect(outcome.lines[8].hasSuffix("%   predator") || outcome.lines[8].hasSuffix("alien"))
      #expect(outcome.errors.contains("3 of 9 images cannot be used:\n  \(album)/alien/0001.jpg"))
      let missing = try predict([album + "/gone.jpg", album + "/alien/0000.jpg"])
      #expect(missing.status == 66 && missing.lines.count == 3)
    }

    @Test func severalRanksPrintWhatOnePrints() throws {
      let album = try album()
      let page = scratch.path + "/page.html"
      let alone = try predict(["--json", "--html", page, album])
      let expected = try scratch.text("page.html")
      for ranks in [2, 3] {
        let outcome = try predict(["--json", "--html", page, album], ranks: ranks)
        #expect(outcome.status == 65 && outcome.output == alone.output, "\(outcome.errors)")
        #expect(outcome.errors.components(separatedBy: "2 of 8 images").count == 2)
        #expect(try scratch.text("page.html") == expected)
      }
      let rows = try alone.lines.map(Workshop.object)
      #expect(rows.count == 8 && rows[1]["error"] != nil && rows[1]["predicted"] == nil)
      #expect(expected.components(separatedBy: "<figure>").count == 9)
      #expect(expected.components(separatedBy: "src=\"data:image/jpeg;base64,").count == 7)
    }

    @Test func heatMapsStandBesideTheImagesOnAnyNumberOfRanks() throws {
      let album = try album()
      let page = scratch.path + "/page.html"
      let refused = try predict(["--heat-map", album])
      #expect(refused.status == 64 && refused.output == "")
      #expect(refused.errors.contains("--heat-map is a part of the page that --html FILE names."))
      let plain = try predict([album])
      var pages: Set<String> = []
      for ranks in [nil, 3] as [Int?] {
        let outcome = try predict(["--html", page, "--heat-map", album], ranks: ranks)
        #expect(outcome.status == 65 && outcome.output == plain.output, "\(outcome.errors)")
        pages.insert(try scratch.text("page.html"))
      }
      let html = try #require(pages.first)
      #expect(pages.count == 1 && html.contains("Grad-CAM"))
      let images = html.matches(of: #/base64,([^"]+)"/#)
      #expect(images.count == 6)
    }

    /// The file is that of one rank, too, and names may come from the standard input.
    @Test func namesFromAPipeMakeTheSameFileOnAnyNumberOfRanks() throws {
      let album = try album()
      let model = try Workshop.whole.get() + "/model.safetensors"
      let script = "find \"$0\" -name '*.jpg' -print0 | sort -z | \"$@\""
      for kind in ["csv", "jsonl"] {
        let file = scratch.path + "/rows." + kind
        var contents: Set<String> = []
        for ranks in [nil, 2, 3] as [Int?] {
          let words = [
            Program.tool, "predict", "--checkpoint", model, "--threads", "1", "--top", "2",
            "--output", file, "-",
          ]
          let outcome = try run(["bash", "-c", script, album] + onRanks(ranks, words))
          #expect(outcome.status == 65 && outcome.lines.count == 8, "\(outcome.errors)")
          contents.insert(try scratch.text("rows." + kind))
        }
        let rows = try #require(contents.first).split(whereSeparator: \.isNewline)
        #expect(contents.count == 1 && rows.count == (kind == "csv" ? 9 : 8))
      }
    }

    /// A photo's file says where it was taken, and more; a page says what the network saw.
    @Test func aPageHoldsThePixelsAlone() throws {
      let image = scratch.path + "/photo.jpg"
      var bytes = try Data(
        contentsOf: URL(fileURLWithPath: Workshop.data.get() + "/validation/alien/0000.jpg"))
      let comment = Array("GPS 52.5 N 13.4 E".utf8)
      bytes.insert(contentsOf: [0xFF, 0xFE, 0, UInt8(comment.count + 2)] + comment, at: 2)
      try bytes.write(to: URL(fileURLWithPath: image))
      let outcome = try predict(["--html", scratch.path + "/page.html", image])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let html = try scratch.text("page.html")
      let match = try #require(html.firstMatch(of: #/base64,([^"]+)"/#))
      let shown = try #require(Data(base64Encoded: String(match.1)))
      #expect(shown.starts(with: [0xFF, 0xD8]) && shown.range(of: Data(comment)) == nil)
    }

    @Test func rowsOfFeaturesDoNotShift() throws {
      let album = try album()
      let file = scratch.path + "/f.safetensors"
      let words = [Program.tool, "features", "--weights", "demo", "--output", file, album]
      let refused = try run(words)
      #expect(refused.status == 65 && !files.fileExists(atPath: file))
      #expect(refused.errors.contains("2 of 8 images cannot be used"))
      #expect(
        refused.errors.contains("0003.jpg: ") && refused.errors.contains("--on-bad-image skip"))
      var digests: Set<String> = []
      for ranks in [nil, 2] as [Int?] {
        let outcome = try run(onRanks(ranks, words + ["--on-bad-image", "skip"]))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.lines.count == 1 && outcome.output.contains("2 images left out"))
        digests.insert(try sha256(fileAt: file))
      }
      #expect(digests.count == 1)
      let found = try SafeTensorsFile(path: file)
      func names(_ key: String) throws -> [String] {
        try JSONDecoder().decode(
          [String].self, from: Data(try #require(found.metadata[key]).utf8))
      }
      #expect(found.shape(of: "features") == [6, 256])
      #expect(try names("images").count == 6)
      #expect(try names("skipped") == ["1", "3"].map { "\(album)/alien/000\($0).jpg" })
    }

    @Test func aNameThatIsNoTextIsToldInTheSameWay() throws {
      let album = try album()
      let model = try Workshop.whole.get() + "/model.safetensors"
      let script = """
        touch "$2"/$'caf\\xe9.jpg'; "$0" predict --checkpoint "$1" "$2"; echo $?
        "$0" predict --checkpoint "$1" "$2"/$'caf\\xe9.jpg'; echo $?
        """
      let outcome = try run(["bash", "-c", script, Program.tool, model, album])
      #expect(outcome.lines == ["65", "65"])
      #expect(
        outcome.errors.contains("the name 'caf\\xe9.jpg' in the folder \(album) is not UTF-8"))
      #expect(outcome.errors.contains("/album/caf\\xe9.jpg' on the command line is not UTF-8"))
    }

    @Test func aReaderThatHasSeenEnoughEndsTheWork() throws {
      let album = try album()
      let model = try Workshop.whole.get() + "/model.safetensors"
      // The second image is wrong, which is told only where all are looked at.
      let words = ["predict", "--json", "--checkpoint", model, album, album, album]
      let script = "\"$@\" | true; exit ${PIPESTATUS[0]}"
      let outcome = try run(["bash", "-c", script, "bash", Program.tool] + words)
      #expect(outcome.status == 0)
      // Nothing but which model it is.
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }

    @Test(arguments: ["export", "report", "preview", "prepare", "weights", "demo-data", "launch"])
    func whatWorksInOneProcessIsRefusedOnSeveral(command: String) throws {
      let outcome = try run(onRanks(2, [Program.tool, command]))
      #expect(outcome.status == 64)
      let message = "`avp-dist \(command)` works in one process, and mpirun has started several"
      #expect(outcome.errors.components(separatedBy: message).count == 2, "\(outcome.errors)")
    }
  }
}
