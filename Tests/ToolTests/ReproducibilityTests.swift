import FileIO
import Foundation
import Testing

extension ToolTests {
  /// The same bits on any number of ranks and threads, uninterrupted or resumed anywhere.
  @Suite struct ReproducibilityTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    struct Place: Sendable, CustomTestStringConvertible {
      let ranks: Int?
      let threads: Int
      var options: [String] = []
      var testDescription: String { "\(ranks ?? 0) ranks, \(threads) threads \(options)" }
    }

    @Test(arguments: [
      Place(ranks: nil, threads: 3, options: ["--exchange", "features"]),
      Place(ranks: 1, threads: 2), Place(ranks: 2, threads: 1),
      Place(ranks: 2, threads: 2, options: ["--exchange", "features"]),
      Place(ranks: 3, threads: 1, options: ["--keep", "1", "--log", "json"]),
      Place(ranks: 3, threads: 2, options: ["--exchange", "auto"]), Place(ranks: 4, threads: 1),
      Place(ranks: 4, threads: 3, options: ["--exchange", "features"]),
    ])
    func theModelDoesNotDependOnRanksThreadsAndExchange(place: Place) throws {
      let output = scratch.path + "/run"
      let words = try Workshop.train(output, ["--threads", "\(place.threads)"] + place.options)
      let outcome = try run(onRanks(place.ranks, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      let whole = try Workshop.whole.get()
      #expect(try Workshop.model(output) == Workshop.model(whole))
      #expect(try Workshop.epochs(output) == Workshop.epochs(whole))
      #expect(
        try sha256(fileAt: output + "/best.safetensors")
          == sha256(fileAt: whole + "/best.safetensors"))
    }

    struct Interruption: Sendable, CustomTestStringConvertible {
      /// The newest checkpoint that the interrupted run has left.
      let after: String
      let ranks: Int?
      let threads: Int
      var testDescription: String { "\(after), resumed on \(ranks ?? 0) ranks" }
    }

    /// The checkpoints of the whole run are what a run that was killed behind them leaves.
    @Test(arguments: [
      Interruption(after: "step-00000001", ranks: 2, threads: 1),
      Interruption(after: "step-00000002", ranks: nil, threads: 2),
      Interruption(after: "step-00000003", ranks: 3, threads: 1),
      Interruption(after: "epoch-0001", ranks: 4, threads: 1),
      Interruption(after: "step-00000005", ranks: 2, threads: 2),
      Interruption(after: "step-00000006", ranks: 4, threads: 1),
      Interruption(after: "epoch-0002", ranks: 3, threads: 1),
    ])
    func aResumedRunEndsInTheSameBits(interruption: Interruption) throws {
      let output = scratch.path + "/run"
      let whole = try Workshop.whole.get()
      let name = interruption.after + ".safetensors"
      try FileManager.default.createDirectory(
        atPath: output + "/checkpoints", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: "\(whole)/checkpoints/\(name)", toPath: "\(output)/checkpoints/\(name)")
      let words = try Workshop.train(
        output, ["--resume", "auto", "--threads", "\(interruption.threads)"])
      let outcome = try run(onRanks(interruption.ranks, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try Workshop.model(output) == Workshop.model(whole))
    }

    @Test func aCheckpointCanBeNamed() throws {
      let output = scratch.path + "/run"
      let whole = try Workshop.whole.get()
      let file = whole + "/checkpoints/step-00000002.safetensors"
      let outcome = try run(Workshop.train(output, ["--resume", file]))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("going on after step 2 of 6"))
      #expect(try Workshop.model(output) == Workshop.model(whole))
    }

    @Test(arguments: [nil, 2] as [Int?]) func aKilledRunGoesOn(ranks: Int?) throws {
      let output = scratch.path + "/run"
      let more = ["--checkpoint-every-steps", "1", "--threads", "1"]
      let killed = try Workshop.interrupted(output) {
        let program = try Program(onRanks(ranks, Workshop.train(output, epochs: 4, more)))
        _ = program.wait { !Workshop.checkpoints(output).isEmpty }
        if let victim = ranks == nil ? program.id : program.ranks().last { kill(victim, SIGKILL) }
        return try program.wait()
      }
      #expect(killed.status == 137)
      #expect(!FileManager.default.fileExists(atPath: output + "/model.safetensors"))

      let resumed = try Workshop.train(output, epochs: 4, ["--resume", "auto"] + more)
      #expect(try run(onRanks(ranks == nil ? 3 : nil, resumed)).status == 0)
      let longer = try Workshop.longer.get()
      #expect(try Workshop.model(output) == Workshop.model(longer))
      #expect(try Workshop.epochs(output) == Workshop.epochs(longer))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGUSR1])
    func aSignalEndsTheRunAfterACheckpoint(signal: Int32) throws {
      let output = scratch.path + "/run"
      let more = ["--threads", "1"]
      let ranks = signal == SIGUSR1 ? 2 : nil
      let stopped = try Workshop.interrupted(output) {
        let program = try Program(onRanks(ranks, Workshop.train(output, epochs: 30, more)))
        _ = program.wait { FileManager.default.fileExists(atPath: output + "/metrics.jsonl") }
        // mpirun passes SIGUSR1 on to all ranks.
        kill(program.id, signal)
        return try program.wait()
      }
      #expect(stopped.status == 75)
      #expect(stopped.errors.contains("`--resume auto` goes on from here"))
      #expect(!Workshop.checkpoints(output).isEmpty)

      let resumed = try run(Workshop.train(output, epochs: 30, ["--resume", "auto"]))
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(try Workshop.model(output) == Workshop.model(Workshop.longest.get()))
    }

    /// A batch has no more images than there are, whatever the option says.
    @Test func aBatchLargerThanTheSetIsTheSet() throws {
      let outputs = try [18, 1_048_576].map { size in
        let output = "\(scratch.path)/\(size)"
        let words = try Workshop.train(output, epochs: 3)
        let place = try #require(words.firstIndex(of: "--batch-size")) + 1
        let outcome = try run(Array(words[..<place] + ["\(size)"] + words[(place + 1)...]))
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try Workshop.epochs(output)
      }
      #expect(outputs[0] == outputs[1])
    }

    @Test func launchRestartsAfterTheDeathOfARank() throws {
      let output = scratch.path + "/run"
      let more = ["--checkpoint-every-steps", "1", "--threads", "1"]
      let words = try Workshop.train(output, epochs: 4, more)
      let restarted: (Outcome) -> Bool = { $0.errors.contains("restart 1") }
      let outcome = try Workshop.interrupted(output, isInterrupted: restarted) {
        let program = try Program([Program.tool, "launch", "-n", "2", "--"] + words.dropFirst())
        _ = program.wait { !Workshop.checkpoints(output).isEmpty }
        if let victim = program.ranks().last { kill(victim, SIGKILL) }
        return try program.wait()
      }
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("avp-dist: mpirun -n 2 --oversubscribe"))
      #expect(outcome.errors.contains("restart 1 of 3"))
      #expect(try Workshop.model(output) == Workshop.model(Workshop.longer.get()))
    }

    @Test func cachedFeaturesThatAreDamagedAreComputedAgain() throws {
      let cache = scratch.path + "/cache"
      let runs = ["first", "second"].map { "\(scratch.path)/\($0)" }
      #expect(try run(Workshop.train(runs[0], ["--cache-dir", cache])).status == 0)
      let files = FileManager.default.enumerator(atPath: cache + "/features")
      var damaged = 0
      for case let name as String in files ?? .init() where name.hasSuffix(".features") {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(cache)/features/\(name)"))
        bytes[bytes.count - 3] ^= 64
        try bytes.write(to: URL(fileURLWithPath: "\(cache)/features/\(name)"))
        damaged += 1
      }
      #expect(damaged == 8)
      #expect(try run(Workshop.train(runs[1], ["--cache-dir", cache])).status == 0)
      #expect(try Workshop.model(runs[1]) == Workshop.model(runs[0]))
    }

    @Test func onlyRankZeroWritesIntoTheRunsFolder() throws {
      // The other ranks begin in another folder, as on a host that does not share the first one's.
      let data = try Workshop.data.get()
      var folders: [String] = []
      for name in ["first", "second"] {
        folders.append("\(scratch.path)/\(name)")
        try FileManager.default.createDirectory(
          atPath: folders[folders.count - 1], withIntermediateDirectories: true)
      }
      let words = [
        Program.tool, "train", "--data", data, "--weights", "demo", "--epochs", "1",
        "--batch-size", "8", "--hidden", "8", "--output", "run",
      ]
      let parts = folders.map { ["-n", "1", "--wdir", $0] + words }
      let outcome = try run(["mpirun", "--oversubscribe"] + parts[0] + [":"] + parts[1])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let written = try folders.map {
        try FileManager.default.subpathsOfDirectory(atPath: $0).sorted()
      }
      #expect(
        written == [
          [
            "run", "run/.lock", "run/best.safetensors", "run/checkpoints",
            "run/checkpoints/epoch-0001.safetensors",
            "run/checkpoints/step-00000003.safetensors", "run/config.json", "run/metrics.jsonl",
            "run/model.safetensors",
          ], [],
        ])
    }

    @Test func storedViewsGiveTheSameBitsAsComputedOnes() throws {
      let models = try ["first", "second"].map { name in
        let output = "\(scratch.path)/\(name)"
        let views = ["--views", "1", "--cache-dir", scratch.path + "/cache"]
        #expect(try run(Workshop.train(output, views)).status == 0)
        return try Workshop.model(output)
      }
      #expect(models[0] == models[1])
    }
  }
}
