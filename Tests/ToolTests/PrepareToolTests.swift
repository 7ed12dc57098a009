import Foundation
import Testing

extension ToolTests {
  /// `prepare` on what people have.
  @Suite struct PrepareToolTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default
    private let raw: String
    private let output: String

    /// Two classes of five images.
    init() throws {
      scratch = try TemporaryFolder()
      (raw, output) = (scratch.path + "/raw", scratch.path + "/data")
      for name in ["a", "b"] { try add((1...5).map { "\(name)/\($0).jpg" }) }
    }

    private func add(_ names: [String], _ bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0]) throws {
      for name in names {
        let url = URL(fileURLWithPath: "\(raw)/\(name)")
        try files.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes + Array(name.utf8)).write(to: url)
      }
    }

    private func prepare(_ validation: Int = 1, output: String? = nil) throws -> Outcome {
      try run([
        Program.tool, "prepare", raw, "--output", output ?? self.output, "--validation",
        "\(validation)",
      ])
    }

    private func copies() throws -> [String] {
      try files.subpathsOfDirectory(atPath: output).filter { $0.contains(".") }.sorted()
    }

    @Test func otherFormatsAreNamed() throws {
      let heic = Array("\0\0\0\u{18}ftypheic".utf8)
      try add(["a/6.heic", "a/7.HEIC", "b/8.avif", "b/9.nef"], heic)
      let outcome = try prepare()
      #expect(outcome.status == 0)
      #expect(
        outcome.errors.contains(
          "left out: 2 .heic (a/6.heic, a/7.HEIC), 1 .avif (b/8.avif), 1 .nef (b/9.nef); convert "
            + ".heic, .avif, .nef to JPEG or PNG to use them, for example with `heif-convert "),
        "\(outcome.errors)")
      #expect(outcome.output == "\(output): 8 training and 2 validation images of a, b\n")
    }

    @Test func copiesAreNewFilesOfImagesAlone() throws {
      try add(["a/6.jpg"], Array("#!/bin/sh\n".utf8))
      try add(["b/7.png"], [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
      for name in ["a/6.jpg", "a/1.jpg"] { chmod("\(raw)/\(name)", 0o6755) }
      try #require(mkfifo(raw + "/b/8.jpg", 0o600) == 0)
      for (name, target) in [("a/9.jpg", "/dev/zero"), ("b/9.jpg", "/etc/passwd")] {
        try files.createSymbolicLink(atPath: "\(raw)/\(name)", withDestinationPath: target)
      }
      try files.createSymbolicLink(atPath: raw + "/b/link.jpg", withDestinationPath: "../a/1.jpg")
      let outcome = try prepare()
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("2 neither files nor folders"))
      for name in ["a/6.jpg", "b/9.jpg"] {
        #expect(
          outcome.errors.contains(
            "\(raw)/\(name) is left out: it is not an image that can be read"))
      }
      #expect(try copies().count == 12)
      for name in try copies() {
        var facts = stat()
        #expect(lstat("\(output)/\(name)", &facts) == 0)
        #expect(facts.st_mode & S_IFMT == S_IFREG && facts.st_mode & 0o7133 == 0, "\(name)")
        let source = raw + name.drop { $0 != "/" }
        let contents = try [source, "\(output)/\(name)"].map {
          try Data(contentsOf: URL(fileURLWithPath: $0))
        }
        #expect(contents[0] == contents[1], "\(name)")
      }
    }

    /// Of what people type, with the shares of five images.
    @Test func sharesAndATestPartAreDrawn() throws {
      func prepare(_ words: [String]) throws -> Outcome {
        try run([Program.tool, "prepare", raw, "--output", output] + words)
      }
      let alone = try prepare(["--validation", "20%"])
      #expect(alone.output == "\(output): 8 training and 2 validation images of a, b\n")
      let validation = try copies().filter { $0.hasPrefix("validation") }
      try files.removeItem(atPath: output)
      // A test part takes none of the validation images away.
      let outcome = try prepare(["--validation", "1", "--test", "40%"])
      #expect(outcome.output == "\(output): 4 training, 4 test and 2 validation images of a, b\n")
      #expect(outcome.errors.contains("--validation 1 and --test 40% fewer images"))
      #expect(try copies().filter { $0.hasPrefix("validation") } == validation)
      #expect(try copies().count == 10)
      try files.removeItem(atPath: output)
      for words in [
        ["--validation", "0%"], ["--validation", "100%"], ["--test", "0"], ["--test", "x"],
      ] {
        #expect(try prepare(words).status == 64)
      }
      let refused = try prepare(["--validation", "2", "--test", "3"])
      #expect(refused.status == 65 && refused.errors.contains("--validation 2 and --test 3 none"))
      #expect(!files.fileExists(atPath: output))
    }

    @Test(arguments: ["hard", "symbolic"]) func linksLeadToTheImages(kind: String) throws {
      try files.createSymbolicLink(atPath: raw + "/b/link.jpg", withDestinationPath: "../a/1.jpg")
      let outcome = try run([
        Program.tool, "prepare", raw, "--output", output, "--validation", "1", "--link", kind,
      ])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try copies().count == 11)
      for name in try copies() {
        var (there, here, link) = (stat(), stat(), stat())
        #expect(stat(raw + name.drop { $0 != "/" }, &there) == 0)
        #expect(stat("\(output)/\(name)", &here) == 0 && lstat("\(output)/\(name)", &link) == 0)
        #expect(there.st_ino == here.st_ino)
        #expect((link.st_mode & S_IFMT == S_IFLNK) == (kind == "symbolic"))
      }
    }

    @Test(arguments: ["validation", "val", "valid", "test"])
    func aSetThatIsSplitAlreadyIsRefused(name: String) throws {
      try files.moveItem(atPath: raw, toPath: scratch.path + "/train")
      try files.createDirectory(atPath: raw, withIntermediateDirectories: false)
      for part in ["train", name] {
        try files.copyItem(atPath: scratch.path + "/train", toPath: "\(raw)/\(part)")
      }
      let outcome = try prepare()
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("is split already"), "\(outcome.errors)")
      #expect(!files.fileExists(atPath: output))
    }

    @Test func inputAndOutputLieBesideEachOther() throws {
      try files.createSymbolicLink(atPath: scratch.path + "/alias", withDestinationPath: "raw")
      for place in ["/raw", "/raw/data", "/alias/new/data", "/raw/../raw/a", ""] {
        let outcome = try prepare(output: scratch.path + place)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("lie in each other"), "\(outcome.errors)")
      }
      #expect(try files.subpathsOfDirectory(atPath: raw).count == 12)
      #expect(try prepare(output: raw + "-data").status == 0)
    }

    @Test func tooFewImagesAreSaid() throws {
      #expect(try !prepare(2).errors.contains("warning"))
      try files.removeItem(atPath: output)
      let warned = try prepare(4)
      #expect(warned.status == 0)
      #expect(warned.errors.contains("with --validation 4 fewer images are left to train on"))
      try files.removeItem(atPath: output)
      for count in [5, 6] {
        let refused = try prepare(count)
        #expect(refused.status == 65)
        #expect(
          refused.errors.contains("'a' has 5 images; with --validation \(count) none is left"))
      }
      let bare = try run([Program.tool, "prepare", raw, "--output", output])
      #expect(bare.errors.contains("with --validation 100, the default, none"))
      #expect(!files.fileExists(atPath: output))
    }
  }
}
