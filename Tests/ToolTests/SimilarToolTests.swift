import FileIO
import Foundation
import Testing

extension ToolTests {
  /// `similar` on images some of which are copies, on one rank and on several.
  @Suite struct SimilarToolTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default

    init() throws { scratch = try TemporaryFolder() }

    private func similar(_ words: [String], ranks: Int? = nil) throws -> Outcome {
      try run(onRanks(ranks, [Program.tool, "similar", "--weights", "demo"] + words))
    }

    /// The shared set with a copy in the other part, a copy in another class, and a broken image.
    private func album() throws -> String {
      let data = try Workshop.copyOfData(in: scratch)
      let original = data + "/train/alien/0001.jpg"
      try files.copyItem(atPath: original, toPath: data + "/validation/alien/copy.jpg")
      try files.copyItem(atPath: original, toPath: data + "/train/predator/copy.jpg")
      try Data("GIF89a".utf8).write(to: URL(fileURLWithPath: data + "/train/alien/0002.jpg"))
      return data
    }

    @Test(arguments: [
      (["--threshold", "0"], "takes a number above 0, up to 1, not '0'"),
      (["--threshold", "1.01"], "takes a number above 0, up to 1"),
      (["--top", "3"], "--top has no effect without --to"),
      (["--to", "x.jpg", "--threshold", "0.9"], "leave out --threshold, or --to"),
      (["--to", "x.jpg", "--top", "0"], "takes a whole number from 1"),
      (["--data", "a", "--manifest", "b"], "one of them names the images"),
      (["--data", "a", "b.jpg"], "'b.jpg' and a set are given; one of them names the images."),
      (["--output", "x.txt"], "takes FILE.csv|FILE.jsonl, not 'x.txt'"),
      (["--precision", "int8", "a.jpg"], "--precision int8 needs --calibration FILE here"),
    ]) func wrongUsageIsRefused(words: [String], message: String) throws {
      let outcome = try similar(words)
      #expect(outcome.status == 64 && outcome.output == "")
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test func whatIsMissingIsNamed() throws {
      let nothing = scratch.path + "/nothing"
      #expect(try similar(["--data", nothing]).status == 66)
      let data = try Workshop.data.get() + "/validation/alien"
      let outcome = try similar(["--to", nothing + ".jpg", data])
      #expect(outcome.status == 66 && outcome.output == "")
      #expect(outcome.errors.contains("1 of 5 images cannot be used:\n  \(nothing).jpg: "))
      #expect(try similar(["--output", nothing + "/x.csv", data]).status == 73)
    }

    @Test func groupsAreTheSameOnAnyNumberOfRanks() throws {
      let data = try album()
      let table = scratch.path + "/groups.csv"
      let words = ["--data", data, "--threshold", "0.9999", "--output", table]
      var outputs: Set<String> = []
      for (ranks, threads) in [(nil, 1), (nil, 3), (3, 1)] as [(Int?, Int)] {
        let outcome = try similar(
          words + ["--threads", "\(threads)", "--cache-dir", scratch.path + "/\(threads)"],
          ranks: ranks)
        #expect(outcome.status == 65, "\(outcome.errors)")
        #expect(outcome.errors.contains("1 of 28 images cannot be used:\n  train/alien/0002.jpg"))
        outputs.insert(try outcome.output + scratch.text("groups.csv"))
      }
      #expect(outputs.count == 1)
      let text = try #require(outputs.first)
      #expect(text.contains("3 images, in train and validation, of the classes alien and predator"))
      #expect(text.contains("1,train/predator/copy.jpg,1.0,train/alien/0001.jpg,train,predator"))
      let lines = try similar(words + ["--json"]).lines.map(Workshop.object)
      #expect(lines.count == 1 && (lines[0]["images"] as? [Any])?.count == 3)
    }

    @Test func theNearestAreTheSameOnAnyNumberOfRanks() throws {
      let data = try album()
      let (query, table) = (data + "/train/alien/0001.jpg", scratch.path + "/nearest.jsonl")
      // The same images in another way, twice.
      let folders = ["train/alien", "train/predator", "validation", "train/alien"]
      let words =
        ["--to", query, "--top", "4", "--output", table] + folders.map { "\(data)/\($0)" }
      var outputs: Set<String> = []
      for ranks in [nil, 3] as [Int?] {
        let outcome = try similar(words, ranks: ranks)
        #expect(outcome.status == 65, "\(outcome.errors)")
        outputs.insert(try outcome.output + scratch.text("nearest.jsonl"))
      }
      #expect(outputs.count == 1)
      let lines = try #require(outputs.first).split(separator: "\n").map(String.init)
      // Equally near ones by name, and never the image itself.
      #expect(lines.count == 6 && lines[0] == query)
      #expect(lines[1] == "  1.0000  \(data)/train/predator/copy.jpg")
      #expect(lines[2] == "  1.0000  \(data)/validation/alien/copy.jpg")
      #expect(!lines[3...4].contains { $0.contains("1.0000") })
      #expect(try (Workshop.object(lines[5])["nearest"] as? [Any])?.count == 4)
    }

    /// Features that a training has left are not computed again.
    @Test func featuresComeFromTheCache() throws {
      let (data, cache) = (try Workshop.data.get(), scratch.path + "/cache")
      let words = ["--data", data, "--cache-dir", cache]
      let trained = try run(
        [
          Program.tool, "train", "--weights", "demo", "--epochs", "1", "--augment", "none",
          "--output", scratch.path + "/run",
        ] + words)
      #expect(trained.status == 0, "\(trained.errors)")
      func entries() throws -> [String] {
        try files.subpathsOfDirectory(atPath: cache + "/features").filter {
          $0.hasSuffix(".features")
        }
      }
      let before = try entries()
      #expect(before.count == 26)
      let outcome = try similar(words)
      #expect(outcome.status == 0 && outcome.output.contains("26 images, of which"))
      #expect(try Set(entries()) == Set(before))
    }
  }
}
