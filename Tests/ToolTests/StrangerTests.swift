import Foundation
import Testing

extension ToolTests {
  /// A run's folder that somebody else has prepared.
  @Suite struct StrangerTests {
    private let scratch: TemporaryFolder
    private let folder: String
    /// A file of the user's own that nobody else may read.
    private let precious: String
    private let secret = "ssh-ed25519 AAAA me\n"

    init() throws {
      scratch = try TemporaryFolder()
      folder = scratch.path + "/run"
      precious = scratch.path + "/precious"
      try FileManager.default.copyItem(atPath: Workshop.whole.get(), toPath: folder)
      try Data(secret.utf8).write(to: URL(fileURLWithPath: precious))
      #expect(chmod(precious, 0o600) == 0)
    }

    /// Puts a link in the place of a file of the run.
    private func link(_ name: String, to target: String) throws {
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(name)", withDestinationPath: target)
    }

    private func expectUntouched(_ comment: Comment) throws {
      var status = stat()
      #expect(stat(precious, &status) == 0 && status.st_mode & 0o777 == 0o600, comment)
      #expect(try scratch.text("precious") == secret, comment)
    }

    /// Changes what `config.json` says.
    private func claim(_ name: String, _ value: String) throws {
      var object = try Workshop.object(scratch.text("run/config.json"))
      object[name] = value
      try JSONSerialization.data(withJSONObject: object)
        .write(to: URL(fileURLWithPath: folder + "/config.json"))
    }

    private func report(_ more: [String] = []) throws -> (outcome: Outcome, html: String) {
      let outcome = try run([Program.tool, "report", folder] + more)
      return (outcome, (try? scratch.text("run/report.html")) ?? "")
    }

    @Test func aReportGoesThroughNoLinkAndHoldsNoLineOfTheirs() throws {
      try claim("kernels", "avx2\nssh-ed25519 BBBB stranger\n\u{1b}[2J")
      try link("report.html", to: precious)
      let (refused, _) = try report()
      #expect(refused.status == 73, "\(refused.errors)")
      #expect(refused.errors.contains("\(folder)/report.html: is a link"), "\(refused.errors)")
      try expectUntouched("report.html")
      try FileManager.default.removeItem(atPath: folder + "/report.html")
      let (outcome, html) = try report()
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(html.contains(#"avx2\u{a}ssh-ed25519 BBBB stranger\u{a}\u{1b}[2J"#))
      #expect(!html.contains("\nssh-ed25519") && !html.contains("\u{1b}"))
    }

    @Test(arguments: [
      "metrics.jsonl", "config.json", "model.safetensors", "best.safetensors", ".lock",
    ])
    func aRunGoesThroughNoLink(name: String) throws {
      try link(name, to: precious)
      let outcome = try run(Workshop.train(folder, ["--resume", "auto"]))
      #expect(outcome.status == 73 || outcome.status == 66, "\(outcome.errors)")
      #expect(outcome.errors.contains("\(folder)/\(name): is a link"), "\(outcome.errors)")
      try expectUntouched("\(name)")
    }

    /// Checkpoints are read, written and removed; here those of a run of the user's own.
    @Test func noFolderOfCheckpointsIsALink() throws {
      let own = scratch.path + "/own"
      try FileManager.default.moveItem(atPath: folder + "/checkpoints", toPath: own)
      try Data().write(to: URL(fileURLWithPath: own + "/.x.1.2.tmp"))
      try link("checkpoints", to: own)
      let names = try FileManager.default.contentsOfDirectory(atPath: own).sorted()
      for start in [["--resume", "auto"], ["--resume", own + "/epoch-0001.safetensors"]] {
        let outcome = try run(Workshop.train(folder, start + ["--keep", "1"]))
        #expect(outcome.status == 66, "\(outcome.errors)")
        #expect(outcome.errors.contains("\(folder)/checkpoints: is a link"), "\(outcome.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: own).sorted() == names)
      }
    }

    @Test func aLockIsMadeThroughNoLink() throws {
      try link(".lock", to: scratch.path + "/made")
      #expect(try run(Workshop.train(folder, ["--resume", "auto"])).status == 73)
      #expect(!FileManager.default.fileExists(atPath: scratch.path + "/made"))
    }

    @Test(arguments: [("config.json", 66), ("metrics.jsonl", 66), ("best.safetensors", 0)])
    func aPipeHoldsNothingUp(name: String, status: Int32) throws {
      try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      #expect(mkfifo("\(folder)/\(name)", 0o666) == 0)
      let outcome = try run([Program.tool, "report", folder], seconds: 30)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.errors.contains("\(folder)/\(name)"), "\(outcome.errors)")
      #expect(outcome.errors.contains("is no regular file"), "\(outcome.errors)")
      let again = try run(Workshop.train(folder, ["--resume", "auto"]), seconds: 30)
      #expect(again.status == 73 || again.status == 66, "\(again.errors)")
    }

    @Test(arguments: ["config.json", "metrics.jsonl"])
    func aFileOfHugeSizeIsNotRead(name: String) throws {
      #expect(truncate("\(folder)/\(name)", 1 << 41) == 0)
      let (outcome, _) = try report()
      #expect(outcome.status == 65, "\(outcome.errors)")
      #expect(outcome.errors.contains("more than the limit of"), "\(outcome.errors)")
    }

    // MARK: - Whose images a page shows

    private func expectNoImages(_ reason: String) throws {
      let (outcome, html) = try report()
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
      #expect(outcome.errors.contains("name the right ones with --data"), "\(outcome.errors)")
      #expect(!html.contains("data:image"))
    }

    @Test func imagesOfAnotherSetNeedTheUsersWord() throws {
      let data = try Workshop.copyOfData(in: scratch)
      let image = data + "/validation/alien/0000.jpg"
      try (Data(contentsOf: URL(fileURLWithPath: image)) + [0])
        .write(to: URL(fileURLWithPath: image))
      try claim("data", data)
      try expectNoImages("\(data) does not hold the images that the run had")
      let (outcome, html) = try report(["--data", data])
      #expect(outcome.status == 0 && html.contains("data:image"), "\(outcome.errors)")
    }

    /// The right name and size lead to a file elsewhere.
    @Test func imagesBehindLinksNeedTheUsersWord() throws {
      let data = try Workshop.copyOfData(in: scratch)
      let image = data + "/validation/alien/0000.jpg"
      let elsewhere = scratch.path + "/private.jpg"
      try FileManager.default.moveItem(atPath: image, toPath: elsewhere)
      try FileManager.default.createSymbolicLink(
        atPath: image, withDestinationPath: elsewhere)
      try claim("data", data)
      try expectNoImages("\(image) leads out of \(data)")
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func imagesThatAStrangerNamesNeedTheUsersWord() throws {
      let data = try Workshop.data.get()
      for file in ["", "/config.json"] {
        #expect(chown(folder + file, 65_534, 65_534) == 0)
        try expectNoImages("in \(data), but it belongs to another user (number 65534)")
        #expect(chown(folder + file, 0, 0) == 0)
      }
      let (outcome, html) = try report()
      #expect(outcome.status == 0 && html.contains("data:image"), "\(outcome.errors)")
    }

    @Test func imagesThatAnybodyMayNameNeedTheUsersWord() throws {
      #expect(chmod(folder, 0o777) == 0)
      try expectNoImages("but others may write to it (mode 777")
    }

    // MARK: - Locks

    private func asAnother(_ words: [String]) -> [String] {
      ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + words
    }

    @Test(.enabled(if: geteuid() == 0, "only root can be somebody else for a moment"))
    func nobodyElseHoldsALock() throws {
      // The folders above the run's are open to all, so that only the lock's own mode counts.
      for path in [Workshop.root, scratch.path, folder] { #expect(chmod(path, 0o755) == 0) }
      let lock = folder + "/.lock"
      #expect(chmod(lock, 0o644) == 0)
      let words = asAnother(["flock", "--nonblock", "--exclusive", lock, "true"])
      #expect(try run(words).status == 0, "this test can tell nothing where this fails")
      #expect(try run(Workshop.train(folder, ["--resume", "auto"])).status == 0)
      let outcome = try run(words)
      #expect(outcome.status != 0 && outcome.errors.contains("Permission denied"))
    }
  }
}
