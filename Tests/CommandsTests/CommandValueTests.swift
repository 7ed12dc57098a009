import Collectives
import FileIO
import Foundation
import ImageData
import ImageTransforms
import Launching
import Settings
import Testing
import Training

@testable import Commands

/// Commands as values, in this process: settings in, results out.
@Suite struct CommandValueTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  // MARK: Settings

  @Test func theCommandLineWinsOverTheFile() throws {
    let file = try scratch.write(
      #"{"epochs": 9, "hidden": 7, "lr": 0.25, "no-augment": true, "log": "json"}"#, "c.json")
    let orders = [["--epochs", "2", "--config", file], ["--config", file, "--epochs=2"]]
    for words in orders {
      let train = try command(TrainCommand.self, words)
      #expect(train.configuration.epochs == 2)
      #expect(train.configuration.hidden == 7 && train.configuration.learningRate == 0.25)
      #expect(train.configuration.augmentation == nil && train.runSettings.log == .json)
    }
    #expect(try command(TrainCommand.self, ["--config", file]).configuration.epochs == 9)
  }

  /// What is given alone wins over the level, in any order.
  @Test func aLevelOfAugmentationIsWhatIsNotGiven() throws {
    func augmentation(_ words: [String]) throws -> Augmentation? {
      try command(TrainCommand.self, words).configuration.augmentation
    }
    let article = Augmentation(shear: 10, zoom: 0.2, horizontalFlip: 0.5)
    #expect(try augmentation([]) == article)
    #expect(try augmentation(["--augment", "article"]) == article)
    #expect(try augmentation(["--augment", "none"]) == nil)
    let strong = try #require(try augmentation(["--shear", "5", "--augment", "strong"]))
    #expect(strong.shear == 5 && strong.zoom == 0 && strong["auto-augment"] == "trivial")
    let other = try augmentation(
      ["--random-erasing", "0", "--auto-augment", "none", "--augment", "strong"])
    #expect(
      other
        == Augmentation(shear: 0, zoom: 0, horizontalFlip: 0.5, ["random-resized-crop": "0.08"]))
    #expect(
      try augmentation(["--augment", "none", "--blur", "0.5"])
        == Augmentation(shear: 0, zoom: 0, horizontalFlip: 0, ["blur": "0.5"]))
    for words in [
      ["--augment", "own"], ["--augment", "light", "--no-augment"],
      ["--no-augment", "--blur", "1"],
      ["--color-jitter", "1,2,3,4"], ["--rotation", "200"], ["--auto-augment", "imagenet"],
    ] {
      #expect(throws: UsageError.self, "\(words)") { try augmentation(words) }
    }
  }

  @Test func settingsWithoutEffectAreNamed() throws {
    let idle = try command(TrainCommand.self, ["--momentum", "0.5", "--views", "2"]).idle
    #expect(idle == ["--momentum has no effect without --optimizer sgd"])
    let plain = try command(TrainCommand.self, ["--no-augment", "--views", "2"])
    #expect(plain.idle == ["--views has no effect with --no-augment"])
    #expect(try command(TrainCommand.self, ["--optimizer", "sgd", "--momentum", "0"]).idle == [])
  }

  @Test func launchKnowsTheWordsOfTheRun() throws {
    #expect(throws: UsageError.self) {
      try command(LaunchCommand.self, ["-n", "2", "--", "train", "--epochs", "0"])
    }
    #expect(throws: UsageError.self) {
      try command(LaunchCommand.self, ["-n", "2", "--min-ranks", "3", "--", "train"])
    }
    #expect(throws: UsageError.self) {
      try command(LaunchCommand.self, ["-n", "2", "--", "doctor", "--seconds", "0"])
    }
    _ = try command(LaunchCommand.self, ["-n", "2", "--", "doctor", "--data", "d", "--json"])
    #expect(throws: UsageError.self) { try command(LaunchCommand.self, ["--", "train"]) }
    let launch = try command(LaunchCommand.self, ["-n", "2", "--", "train", "--epochs", "3"])
    #expect(launch.ranks == 2 && launch.maxRestarts == 3)
  }

  // MARK: prepare

  /// Which images are held back follows from the seed, for ever: the draws are those of a second
  /// implementation.
  @Test(arguments: [(1, ["a/3", "b/4"]), (2, ["a/3", "a/4", "b/2", "b/4"])])
  func prepareHoldsBackTheDrawnImages(count: Int, expected: [String]) throws {
    for name in ["a", "b"] {
      for number in 1...5 {
        let file = try scratch.write("", "raw/\(name)/\(number).jpg")
        try Data([0xFF, 0xD8, 0xFF, 0xE0, UInt8(number)]).write(to: URL(fileURLWithPath: file))
      }
    }
    let output = scratch.path + "/data"
    try command(
      PrepareCommand.self,
      [scratch.path + "/raw", "--output", output, "--validation", "\(count)"]
    ).run()
    func files(_ part: String) throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: "\(output)/\(part)")
        .filter { $0.hasSuffix(".jpg") }.map { String($0.dropLast(4)) }.sorted()
    }
    #expect(try files("validation") == expected)
    let all = ["a", "b"].flatMap { name in (1...5).map { "\(name)/\($0)" } }
    #expect(try files("train") == all.filter { !expected.contains($0) })
  }

  // MARK: What follows a run

  @Test func evaluateTakesThePartThatIsNamed() throws {
    let demo = try DemoRun()
    for (words, count) in [([], 3), (["--split", "validation"], 3), (["--split", "train"], 4)] {
      let evaluate = try command(
        EvaluateCommand.self,
        ["--checkpoint", demo.run, "--data", demo.data] + words + demo.machine)
      let json = try evaluate.evaluate(SingleProcess()).json
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
      #expect(object["count"] as? Int == 2 * count)
      let classes = try #require(object["per_class"] as? [[String: Any]])
      #expect(classes.map { $0["count"] as? Int } == [count, count])
    }
  }

  private func captions(_ page: String) -> [String] {
    page.matches(of: #/<figcaption>([^<]*)</figcaption>/#).map { String($0.1) }
  }

  @Test func predictNamesWhatItCannotReadAndGoesOn() throws {
    let demo = try DemoRun()
    let bad = try demo.folder.write("no image", "data/validation/alien/bad.jpg")
    let page = demo.folder.path + "/page.html"
    let predict = try command(
      PredictCommand.self,
      ["--checkpoint", demo.run, "--html", page, demo.data + "/validation"] + demo.machine)
    let error = #expect(throws: Failure.self) { try predict.run() }
    #expect(error?.status == .badData)
    #expect(error?.description.hasPrefix("1 of 7 images cannot be used:") == true)
    #expect(error?.description.contains(bad) == true)
    let captions = try captions(demo.folder.text("page.html"))
    #expect(captions.count == 7 && captions == captions.sorted())
  }

  @Test func predictWritesATableThatReplacesTheOldOne() throws {
    let demo = try DemoRun()
    let output = try demo.folder.write("old", "rows.csv")
    let words = ["--checkpoint", demo.run, "--top", "1", "--output", output] + demo.machine
    try command(PredictCommand.self, words + [demo.data + "/validation"]).run()
    let rows = try String(contentsOfFile: output, encoding: .utf8).components(separatedBy: "\r\n")
    #expect(rows[0] == "image,error,predicted,class_1,probability_1")
    #expect(rows.count == 8 && rows[7] == "")
    #expect(rows[1].hasPrefix("\(demo.data)/validation/alien/0000.jpg,,"))
    let left = try FileManager.default.contentsOfDirectory(atPath: demo.folder.path)
    #expect(!left.contains { $0.hasSuffix(".tmp") })
    // Of a file that does not say its format nothing is written.
    for name in ["rows.txt", "csv", "rows.json"] {
      #expect(throws: UsageError.self) {
        try command(PredictCommand.self, ["--output", name, "a.jpg"])
      }
    }
  }

  /// What is in the table's columns besides paths and digests says nothing to `predict`.
  @Test func predictTakesATable() throws {
    let demo = try DemoRun()
    let digest = try sha256(fileAt: demo.data + "/validation/alien/0000.jpg")
    let table = try demo.folder.write(
      """
      path,label,sha256
      data/validation/alien/0000.jpg,,\(digest)
      data/validation/alien/0001.jpg,?,\(digest)
      gone.jpg,,

      """, "t.csv")
    let output = demo.folder.path + "/rows.jsonl"
    let predict = try command(
      PredictCommand.self,
      ["--checkpoint", demo.run, "--manifest", table, "--output", output] + demo.machine)
    let error = #expect(throws: Failure.self) { try predict.run() }
    #expect(error?.description.hasPrefix("2 of 3 images cannot be used:") == true)
    let rows = try demo.folder.text("rows.jsonl").split(separator: "\n")
    #expect(rows.count == 3)
    #expect(rows[0].contains(#""image":"data/validation/alien/0000.jpg","predicted""#))
    #expect(rows[1].contains("has other content than its table says"))
    #expect(rows[2].contains("No such file"))
    #expect(throws: UsageError.self) { try command(PredictCommand.self, []) }
  }

  // MARK: Parts

  /// What training draws `evaluate` and `report` draw again, from a folder and from a table.
  @Test func partsFollowTheModel() throws {
    let demo = try DemoRun([
      "--validation-split", "0.3", "--test-split", "0.3", "--split-seed", "4",
    ])
    let raw = demo.data + "/train"
    var table = "path,label\n"
    for name in ["alien", "predator"] {
      for number in 0..<4 { table += "data/train/\(name)/000\(number).jpg,\(name)\n" }
    }
    let file = try demo.folder.write(table, "t.csv")
    let shares = PartShares(validation: 0.3, test: 0.3, seed: 4)
    for set in [["--data", raw], ["--manifest", file]] {
      let images = try command(EvaluateCommand.self, set).images
      let expected = try images.scan(PartWish(shares: shares))
      for part in Part.allCases {
        let words = ["--checkpoint", demo.run, "--split", part.rawValue] + set + demo.machine
        let json = try command(EvaluateCommand.self, words).evaluate(SingleProcess()).json
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(object["count"] as? Int == expected[part].count)
      }
      let page = demo.folder.path + "/page.html"
      try command(
        ReportCommand.self, [demo.run, "--output", page, "--images", "99"] + set + demo.machine
      ).run()
      #expect(
        try Set(captions(demo.folder.text("page.html"))) == Set(expected.validation.map(\.path)))
    }
  }

  @Test func partsThatCannotBeAreRefused() {
    for words in [
      ["--validation-split", "1"], ["--validation-split", "-0.1"], ["--split-seed", "1"],
      ["--validation-split", "0.5", "--test-split", "0.5"], ["--data", "a", "--manifest", "b"],
    ] {
      #expect(throws: UsageError.self) { try command(TrainCommand.self, words) }
      #expect(throws: UsageError.self) { try command(EvaluateCommand.self, words) }
    }
    #expect(throws: UsageError.self) {
      try command(ReportCommand.self, ["run", "--data", "a", "--manifest", "b"])
    }
  }

  /// Records of runs without these options are what they were.
  @Test func settingsWithoutPartsAreWrittenAsBefore() throws {
    let text = String(
      decoding: try JSONEncoder.sorted.encode(TrainingConfiguration()), as: UTF8.self)
    #expect(!text.lowercased().contains("part"))
    let words = ["--validation-split", "0.25", "--split-seed", "3"]
    let drawn = try command(TrainCommand.self, words).configuration
    let bytes = try JSONEncoder.sorted.encode(drawn)
    #expect(
      String(decoding: bytes, as: UTF8.self).contains(
        #""partShares":{"seed":3,"test":0,"validation":0.25}"#))
    #expect(try JSONDecoder().decode(TrainingConfiguration.self, from: bytes) == drawn)
  }

  // MARK: Names

  @Test func namesOnTheStandardInputEndWithLinesOrZeroBytes() throws {
    func read(_ text: String) throws -> [String] { try names(in: Array(text.utf8)) }
    #expect(try read("a b.jpg\r\n\n é.jpg\nlast") == ["a b.jpg", " é.jpg", "last"])
    #expect(try read("a\nb.jpg\r\0c\0") == ["a\nb.jpg\r", "c"])
    #expect(try read("") == [] && read("\n\r\n") == [])
    let error = #expect(throws: DatasetError.self) { try names(in: [0x61, 10, 0xE9]) }
    #expect(error?.description.contains(#"'\xe9' on the standard input"#) == true)
  }

  @Test func namesAreReadToTheEndOfAPipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let text = (0..<20_000).map { "image \($0).jpg" }
    Thread.detachNewThread { [end = ends[1]] in
      _ = writeLine(text.joined(separator: "\n"), to: end)
      close(end)
    }
    #expect(try names(on: ends[0]) == text)
    close(ends[0])
  }

  /// The hardest first: those whose right class has the least probability.
  @Test func theReportShowsTheHardestImagesFirst() throws {
    let demo = try DemoRun()
    func page(_ name: String, _ words: [String]) throws -> String {
      let output = "\(demo.folder.path)/\(name)"
      let words = words + ["--output", output] + demo.machine
      try command(ReportCommand.self, [demo.run, "--data", demo.data] + words).run()
      return try demo.folder.text(name)
    }
    let html = try page("all.html", [])
    let cards = html.components(separatedBy: "<figure>").filter { $0.contains("<figcaption>") }
    let shares = try cards.map { card in
      let right = try #require(
        card.firstMatch(of: #/✓ (\w+)</span>.*?width:([0-9.]+)%/#.dotMatchesNewlines()))
      #expect(card.contains("<figcaption>validation/\(right.1)/"))
      return try #require(Double(right.2))
    }
    #expect(shares.count == 6 && shares == shares.sorted() && Set(shares).count > 1)
    #expect(try captions(page("two.html", ["--images", "2"])) == Array(captions(html).prefix(2)))
  }
}
