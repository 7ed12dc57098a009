import FileIO
import Foundation
import Testing

extension ToolTests {
  /// `check` on what people have, and a training on the table that it writes.
  @Suite struct CheckToolTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default

    init() throws { scratch = try TemporaryFolder() }

    private func check(_ words: [String], ranks: Int? = nil) throws -> Outcome {
      try run(onRanks(ranks, [Program.tool, "check", "--threads", "1"] + words))
    }

    /// The shared set with a broken image, a copy across parts, a wrong name, a link to nowhere, and a
    /// name that is not UTF-8.
    private func album() throws -> String {
      let data = try Workshop.copyOfData(in: scratch)
      let train = data + "/train/alien/"
      try Data("\u{FF}\u{D8}".utf8).write(to: URL(fileURLWithPath: train + "0000.jpg"))
      try files.copyItem(atPath: train + "0001.jpg", toPath: data + "/validation/alien/copy.png")
      try files.createSymbolicLink(atPath: train + "link.jpg", withDestinationPath: "nowhere")
      let name = Array("\(train)caf".utf8) + [0xE9] + Array(".jpg".utf8) + [0]
      #expect(creat(name.map(CChar.init(bitPattern:)), 0o600) >= 0)
      try files.createDirectory(atPath: train + "@eaDir", withIntermediateDirectories: false)
      return data
    }

    @Test func everythingIsFoundOnAnyNumberOfRanks() throws {
      let data = try album()
      var texts: Set<String> = []
      for ranks in [nil, 2, 3] as [Int?] {
        let outcome = try check(["--data", data], ranks: ranks)
        #expect(outcome.status == 65, "\(outcome.errors)")
        #expect(outcome.errors.components(separatedBy: "cannot be trained on as it is").count == 2)
        texts.insert(outcome.output)
      }
      let text = try #require(texts.first)
      #expect(texts.count == 1)
      // Long lines are broken at spaces.
      let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      for line in [
        "28 images of 2 classes, 26 can be used", "! cannot be used: 2",
        "! names that are not UTF-8: 1", "train/alien/caf\\xe9.jpg",
        "in another part, too, which makes accuracies too high: 1",
        "another format than the name says; content counts: 1",
        "validation/alien/copy.png is JPEG", "1 by-products of a system (train/alien/@eaDir)",
      ] { #expect(words.contains(line), "\(line) in \(text)") }
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 79 })
    }

    @Test func theTableIsTrainedOn() throws {
      let data = try album()
      let table = scratch.path + "/checked.jsonl"
      #expect(try check(["--data", data, "--output", table]).status == 65)
      let again = try check(["--manifest", table, "--json"])
      #expect(again.status == 0, "\(again.errors)")
      let object = try Workshop.object(again.output)
      #expect(object["images"] as? Int == 26 && object["fails"] as? Bool == false)
      let folder = scratch.path + "/run"
      let words = ["--weights", "demo", "--epochs", "1", "--hidden", "8", "--output", folder]
      var models: Set<String> = []
      for ranks in [nil, 2] as [Int?] {
        let outcome = try run(onRanks(ranks, [Program.tool, "train", "--manifest", table] + words))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
          (outcome.errors + outcome.output).contains(
            "validation images that are training images, too: 1")
        )
        models.insert(try Workshop.model(folder))
        let report = try run([Program.tool, "report", folder])
        #expect(report.status == 0 && !report.errors.contains("warning"), "\(report.errors)")
        try files.removeItem(atPath: folder)
      }
      #expect(models.count == 1)
      // A file that has changed since is noticed where it is read.
      try Workshop.changeContent(data + "/train/predator/0000.jpg")
      let changed = try run([Program.tool, "train", "--manifest", table] + words)
      #expect(changed.status == 65)
      #expect(changed.errors.contains("other content than its table says"), "\(changed.errors)")
    }

    @Test func partsAreDrawnInTrainingToo() throws {
      let raw = try Workshop.data.get() + "/train"
      let folder = scratch.path + "/run"
      let words = ["--data", raw, "--validation-split", "0.3", "--split-seed", "1"]
      let outcome = try run(
        [Program.tool, "train", "--weights", "demo", "--epochs", "1", "--output", folder] + words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let report = try run([Program.tool, "report", folder])
      #expect(report.status == 0 && !report.errors.contains("warning"), "\(report.errors)")
      let evaluated = try run([
        Program.tool, "evaluate", "--checkpoint", folder, "--data", raw, "--json",
      ])
      let count = try Workshop.object(evaluated.output)["count"] as? Int ?? 0
      #expect(outcome.output.contains("\(18 - count) training and \(count) validation images"))
      let other = try run([Program.tool, "check", "--data", raw] + words.dropFirst(2))
      #expect(other.status == 0 && other.output.contains("validation"))
    }
  }
}
