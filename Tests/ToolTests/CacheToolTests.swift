import Foundation
import Testing

extension ToolTests {
  /// Where the tool keeps prepared weights and features.
  @Suite struct CacheToolTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    @Test func trainingAndPredictionShareThePackedWeights() throws {
      let cache = scratch.path + "/cache"
      let output = scratch.path + "/run"
      #expect(try run(Workshop.train(output, epochs: 1, ["--cache-dir", cache])).status == 0)
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      let words = ["predict", "--checkpoint", output + "/model.safetensors", "--cache-dir", cache]
      let prediction = try run([Program.tool] + words + [image])
      #expect(prediction.status == 0, "\(prediction.errors)")
      let files = try FileManager.default.contentsOfDirectory(atPath: cache + "/packed")
      #expect(files.filter { $0.hasSuffix(".packed") }.count == 1)
    }

    /// A folder that everybody may write to is no place for what is read back.
    @Test func withoutAHomeNothingIsKeptAndOneRankSaysSo() throws {
      let nowhere = ["env", "HOME=", "XDG_CACHE_HOME=", "TMPDIR=\(scratch.path)"]
      let output = scratch.path + "/run"
      let words = nowhere + (try Workshop.train(output, ["--threads", "1"]))
      let outcome = try run(onRanks(2, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      let warnings = outcome.errors.components(separatedBy: "neither XDG_CACHE_HOME nor HOME")
      #expect(warnings.count == 2, "\(outcome.errors)")
      #expect(try Workshop.model(output) == Workshop.model(Workshop.whole.get()))
      #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["run"])
    }

    /// What nobody can rule out: somebody cuts the file that the weights are mapped from.
    @Test func weightsThatGoAwayEndARunWithAMessage() throws {
      let cache = scratch.path + "/cache"
      let more = ["--cache-dir", cache, "--threads", "1"]
      let program = try Program(Workshop.train(scratch.path + "/run", epochs: 3_000, more))
      #expect(
        program.wait { FileManager.default.fileExists(atPath: scratch.path + "/run/metrics.jsonl") }
      )
      let names = try FileManager.default.contentsOfDirectory(atPath: cache + "/packed")
      let path = "\(cache)/packed/\(try #require(names.first { $0.hasSuffix(".packed") }))"
      #expect(truncate(path, 4_096) == 0)
      let outcome = try program.wait()
      #expect(outcome.status == 69, "\(outcome.errors)")
      #expect(outcome.errors.contains("\(path) became shorter"), "\(outcome.errors)")
    }

    /// One that others may write costs the cache, not the run.
    @Test func aCacheThatIsNotTheUsersAloneIsNotUsed() throws {
      let cache = scratch.path + "/cache"
      for name in ["packed", "features"] {
        try FileManager.default.createDirectory(
          atPath: "\(cache)/\(name)", withIntermediateDirectories: true)
        #expect(chmod("\(cache)/\(name)", 0o777) == 0)
      }
      let output = scratch.path + "/run"
      let outcome = try run(Workshop.train(output, ["--cache-dir", cache]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      for name in ["packed", "features"] {
        let reason = "\(cache)/\(name): is not trusted: others may write to it (mode 777"
        #expect(outcome.errors.contains(reason), "\(outcome.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(cache)/\(name)").isEmpty)
      }
      #expect(try Workshop.model(output) == Workshop.model(Workshop.whole.get()))
    }

    @Test func noBackboneComesFromAFolderThatOthersMayWrite() throws {
      let folder = scratch.path + "/avp-dist/weights"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: Workshop.demoBackbone(), toPath: folder + "/resnet50.safetensors")
      let words = try Workshop.train(scratch.path + "/run", epochs: 1)
        .filter { $0 != "--weights" && $0 != "demo" }
      for (mode, status) in [(0o777, 66), (0o755, 0)] as [(mode_t, Int32)] {
        #expect(chmod(folder, mode) == 0)
        let outcome = try run(
          words, in: scratch.path, environment: ["XDG_CACHE_HOME": scratch.path])
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.contains("others may write to it (mode 777") == (mode == 0o777))
      }
    }

    @Test func featuresThatCannotBeKeptAreSaidOnce() throws {
      let cache = scratch.path + "/cache"
      try FileManager.default.createDirectory(
        atPath: cache, withIntermediateDirectories: true)
      for name in ["features", "views"] {
        try Data().write(to: URL(fileURLWithPath: "\(cache)/\(name)"))
      }
      let more = ["--cache-dir", cache, "--views", "2"]
      let outcome = try run(Workshop.train(scratch.path + "/run", more))
      #expect(outcome.status == 0, "\(outcome.errors)")
      for name in ["features", "views"] {
        let parts = outcome.errors.components(separatedBy: "cannot be cached in \(cache)/\(name)")
        #expect(parts.count == 2, "\(outcome.errors)")
      }
    }
  }
}
