import Foundation
import Settings
import Testing

/// A command with one setting of every kind.
private struct Sample: Command {
  enum Colour: String, SettingChoice { case red, green }

  static let name = "sample"
  static let summary = "try settings"
  static let discussion = "Does nothing at all."
  static let example = "avp-dist sample --count 3"
  static let settings: [Setting<Self>] = [
    Setting("count", \.count, "N", in: .from(1, to: 9), "a number", group: "One", role: .numbers),
    Setting("rate", \.rate, "X", in: .above(0, upTo: 1), "a share", group: "One"),
    Setting("limit", \.limit, "N", in: .atLeast(2), "a number or none", group: "One"),
    Setting("colour", \.colour, "a word", group: "Two"),
    Setting(
      "shade", \.shade, "X", in: .atLeast(0), "how dark", group: "Two",
      needs: .with("colour", ["green"])),
    Setting("file", \.file, "FILE", "a path", group: "Two", completion: .files),
    Setting("quick", \.quick, "no value", group: "Two"),
    Setting("slow", \.slow, "no value either", group: "Two", needs: .without("quick")),
    Setting("n", \.short, "N", in: .from(0, to: 5), "one letter", group: "Two"),
    Setting(
      "config", \.config, "FILE.json", "options as a JSON object", group: "Two",
      completion: .files),
  ]

  var count = 4
  var rate = 0.5
  var limit: Int?
  var colour = Colour.red
  var shade = 0.0
  var file: String?
  var quick = false
  var slow = false
  var short = 1
  var config: String?

  func run() throws {}
}

private func read(_ words: [String]) throws -> Sample {
  try Sample(CommandWords(words, known: Sample.settings.map(\.facts)))
}

@Suite struct SettingsTests {
  @Test func everyKindIsRead() throws {
    let sample = try read([
      "--count", "7", "--rate=1e-3", "--limit", "12", "--colour", "green", "--shade", "2",
      "--file", "-", "--quick", "-n", "5",
    ])
    #expect(sample.count == 7 && sample.rate == 0.001 && sample.limit == 12)
    #expect(sample.colour == .green && sample.shade == 2 && sample.file == "-")
    #expect(sample.quick && !sample.slow && sample.short == 5)
    let plain = try read([])
    #expect(plain.count == 4 && plain.limit == nil && plain.file == nil && !plain.quick)
  }

  @Test(arguments: [
    (["--cuont", "1"], "Unknown option '--cuont'. Did you mean '--count'?"),
    (["--count"], "--count needs a value: --count N."),
    (["--count", "--quick"], "--count needs a value: --count N."),
    (["--count", "0"], "--count takes a whole number from 1 to 9, not '0'."),
    (["--count", "1.5"], "--count takes a whole number from 1 to 9, not '1.5'."),
    (["--rate", "0"], "--rate takes a number above 0, up to 1, not '0'."),
    (["--rate", "nan"], "--rate takes a number above 0, up to 1, not 'nan'."),
    (["--limit", "1"], "--limit takes a whole number of at least 2, not '1'."),
    (["--colour", "blue"], "--colour takes one of red, green, not 'blue'."),
    (
      ["--shade", "1"],
      "--shade has no effect without --colour green; give that too, or leave it out."
    ),
    (["--quick=yes"], "--quick takes no value."),
    (["--quick", "--slow"], "--slow has no effect with --quick; leave one of them out."),
    (["--count", "1", "--count", "2"], "--count is given twice."),
    (["-n", "6"], "-n takes a whole number from 0 to 5, not '6'."),
    (["--config", "/nowhere.json"], "The configuration file /nowhere.json cannot be read."),
  ]) func wrongWordsAreTold(words: [String], message: String) {
    #expect(throws: UsageError(message)) { try read(words) }
  }

  @Test(
    arguments: [
      (#"{"count": 3, "quick": true, "file": "x"}"#, nil),
      (#"{"count": 30}"#, "FILE: --count takes a whole number from 1 to 9, not '30'."),
      (#"{"count": true}"#, "FILE: count must be a string or a number."),
      (#"{"quick": 1}"#, "FILE: quick must be true or false."),
      (
        #"{"shade": 1}"#,
        "FILE: --shade has no effect without --colour green; give that too, or leave it out."
      ),
      (#"{"cuont": 1}"#, "FILE: Unknown option '--cuont'. Did you mean '--count'?"),
      ("[]", "The configuration file FILE is not a JSON object such as {\"epochs\": 10}."),
    ] as [(String, String?)]) func aFileOfOptions(text: String, message: String?) throws
  {
    let path = NSTemporaryDirectory() + "settings-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let words = ["--config", path]
    guard let message else {
      let sample = try read(words)
      #expect(sample.count == 3 && sample.quick && sample.file == "x")
      // What is typed wins.
      #expect(try read(words + ["--count", "8"]).count == 8)
      return
    }
    let expected = message.replacingOccurrences(of: "FILE", with: path)
    #expect(throws: UsageError(expected)) { try read(words) }
  }

  @Test func operandsAndHelp() throws {
    let known = Sample.settings.map(\.facts)
    let words = try CommandWords(["a", "--count", "2", "--", "--b", "c"], known: known)
    #expect(words.operands == ["a", "--b", "c"])
    #expect(try CommandWords(["-h"], known: known).wantsHelp)
    var sample = Sample()
    #expect(throws: UsageError.self) { try sample.take(["extra"]) }
  }

  @Test func helpSaysDefaultsAndFitsTheScreen() {
    let help = AnyCommand(Sample.self).help
    #expect(help.contains("--count N                   a number (4)"))
    #expect(help.contains("--quick                     no value"))
    #expect(help.contains("with --colour green: how dark (0)"))
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 79 })
  }

  @Test func writtenValuesAreEqualWhereValuesAre() throws {
    func texts(_ sample: Sample) -> [String] { Sample.settings.map { $0.written(sample) } }
    #expect(texts(try read(["--rate", "1"])) == texts(try read(["--rate", "1.0"])))
    #expect(texts(try read(["--limit", "3"])) != texts(Sample()))
  }
}
