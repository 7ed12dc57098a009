import FileIO
import Foundation
import TensorFormats
import Tensors
import Testing

extension ToolTests {
  /// Every kind of bad input: one message that names the thing and the remedy, and the exit status.
  @Suite struct BadInputTests {
    private let scratch: TemporaryFolder
    private let files = FileManager.default

    init() throws { scratch = try TemporaryFolder() }

    private func expect(
      _ status: Int32, _ parts: [String], _ words: [String], ranks: Int? = nil,
      environment: [String: String] = [:], location: SourceLocation = #_sourceLocation
    ) throws {
      func attempt() throws -> Outcome {
        try run(onRanks(ranks, [Program.tool] + words), in: scratch.path, environment: environment)
      }
      func messages(_ outcome: Outcome) -> Int {
        outcome.errors.split(separator: "\n").count { $0.hasPrefix("avp-dist: ") }
      }
      var outcome = try attempt()
      // On a busy machine mpirun may take longer to end the other ranks than these wait for that.
      for _ in 0..<3 where ranks != nil && messages(outcome) > 1 { outcome = try attempt() }
      #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
      for part in parts {
        #expect(outcome.errors.contains(part), sourceLocation: location)
      }
      #expect(!outcome.errors.contains("Fatal error"), sourceLocation: location)
      let expected = status == 0 ? 0 : 1
      #expect(messages(outcome) == expected, "\(outcome.errors)", sourceLocation: location)
    }

    private func train(_ data: String, _ more: [String] = []) -> [String] {
      [
        "train", "--data", data, "--weights", "demo", "--batch-size", "8", "--hidden", "8",
        "--epochs", "1", "--output", scratch.path + "/run",
      ] + more
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    // MARK: The command line

    @Test(arguments: [
      (["train", "--epoch", "3"], "Unknown option '--epoch'. Did you mean '--epochs'?"),
      (["trian"], "Unknown command 'trian'. Did you mean 'train'?"),
      (["train", "--epochs", "many"], "--epochs takes a whole number"),
      (["train", "--epochs", "0"], "--epochs takes a whole number from 1"),
      (["train", "--lr", "nan"], "--lr takes a number"),
      (["train", "--lr"], "--lr needs a value"),
      (["train", "--optimizer", "lion"], "--optimizer takes one of adam, adamw, sgd"),
      (["train", "--seed", "1", "--seed", "2"], "--seed is given twice"),
      (["train", "--no-augment", "--zoom", "0.1"], "--zoom has no effect with --no-augment"),
      (
        ["train", "--step-epochs", "2"],
        "--step-epochs has no effect without --schedule step; give that too, or leave it out."
      ),
      (["train", "--schedule", "step", "--step-factor", "2"], "--step-factor takes a number"),
      (["train", "data"], "'data' was not expected here"),
      (["train", "--config", "/nowhere.json"], "/nowhere.json cannot be read"),
      (["train", "--weights", "random:x"], "--weights takes FILE|demo|random[:SEED], not"),
      (["predict", "--checkpoint", "m"], "Name at least one image or folder"),
      (["evaluate"], "--checkpoint is needed"), (["launch", "--", "train"], "-n is needed"),
      (["launch", "-n", "2", "--", "predict"], "launch -n 4 -- train"),
    ])
    func aWrongCommandLine(words: [String], message: String) throws {
      let data = try ["--data", Workshop.data.get()]
      let placed = words.first == "train" && !words.contains("data") ? data : []
      try expect(64, [message, "avp-dist"], words.prefix(1) + placed + words.dropFirst())
    }

    @Test func aWrongWordIsToldByOneRank() throws {
      let data = try Workshop.data.get()
      for words in [["--lr", "0"], ["--exchange", "none"]] {
        try expect(64, ["\(words[0]) takes"], train(data, words), ranks: 3)
      }
      #expect(!files.fileExists(atPath: scratch.path + "/run"))
    }

    @Test(arguments: [
      (#"{"epochs": true}"#, "epochs must be a string or a number"),
      (#"{"no-augment": 1}"#, "no-augment must be true or false"),
      (#"{"no-augment": "true"}"#, "no-augment must be true or false"),
      (#"{"epochs": [1]}"#, "epochs must be a string or a number"),
      (#"{"epochs": 1.5}"#, "config.json: --epochs takes a whole number"),
      (#"{"lr": "much"}"#, "config.json: --lr takes a number"),
      (#"{"optimizer": "lion"}"#, "config.json: --optimizer takes one of"),
      (#"{"weights": "random:x"}"#, "config.json: --weights takes FILE|demo|random[:SEED], not"),
      (#"{"step-factor": 0.5}"#, "config.json: --step-factor has no effect without"),
      (#"{"no-augment": true, "zoom": 0.1}"#, "config.json: --zoom has no effect with"),
      (#"{"epoch": 1}"#, "Did you mean '--epochs'?"), ("[]", "is not a JSON object"),
    ])
    func aWrongConfigurationFile(text: String, message: String) throws {
      let path = scratch.path + "/config.json"
      try write(Array(text.utf8), path)
      try expect(64, [message], ["train", "--config", path])
    }

    @Test func aValueOfTheCommandLineIsNotTheFiles() throws {
      let path = scratch.path + "/config.json"
      try write(Array(#"{"epochs": 1}"#.utf8), path)
      let outcome = try run([Program.tool, "train", "--config", path, "--epochs", "0"])
      #expect(outcome.status == 64)
      #expect(outcome.errors.hasPrefix("avp-dist: --epochs takes a whole number"))
    }

    @Test func optionsWithoutEffectAreAWarning() throws {
      let words = try Workshop.train(
        scratch.path + "/run", epochs: 1, ["--momentum", "0.5", "--no-augment", "--views", "2"])
      let outcome = try run(onRanks(2, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      for text in [
        "--momentum has no effect without --optimizer sgd",
        "--views has no effect with --no-augment",
      ] {
        #expect(outcome.errors.components(separatedBy: "warning: \(text)\n").count == 2)
      }
    }

    @Test func anUnknownInstructionSet() throws {
      try expect(
        64, ["AVP_KERNELS", "nonsense"], train(Workshop.data.get()),
        environment: ["AVP_KERNELS": "nonsense"])
    }

    @Test func helpIsNoError() throws {
      for words in [["help"], ["train", "--help"], ["--version"], []] {
        let outcome = try run([Program.tool] + words)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("avp-dist"))
      }
    }

    @Test func theVersionNamesWhatItIsMadeOf() throws {
      let lines = try run([Program.tool, "--version"]).output.split(separator: "\n")
      let names = ["build", "kernels", "MPI", "OpenBLAS", "libpng", "libwebp", "libtiff", "HDF5"]
      for name in names + ["OpenSSL"] {
        let line = try #require(lines.first { $0.hasPrefix(name) })
        #expect(line.contains(/[0-9]/) || name == "kernels")
        #expect(!line.contains("unknown"))
      }
      #expect(lines.contains { $0.hasPrefix("commit") })
    }

    // MARK: The image set

    @Test(arguments: [nil, 2] as [Int?]) func aMissingDataFolder(ranks: Int?) throws {
      try expect(66, ["/nowhere", "--data"], train("/nowhere"), ranks: ranks)
    }

    @Test func aDataFolderWithoutTrain() throws {
      try expect(66, ["\(scratch.path)/train"], train(scratch.path))
    }

    @Test func anEmptyClass() throws {
      let data = try Workshop.copyOfData(in: scratch)
      for part in ["train", "validation"] {
        try files.createDirectory(
          atPath: "\(data)/\(part)/blank", withIntermediateDirectories: true)
      }
      try expect(65, ["\(data)/train/blank holds no images"], train(data))
    }

    @Test func classesThatDiffer() throws {
      let data = try Workshop.copyOfData(in: scratch)
      try files.moveItem(
        atPath: data + "/validation/alien", toPath: data + "/validation/robot")
      try expect(65, ["differ", "'alien'", "'robot'"], train(data))
    }

    @Test(arguments: [nil, 3] as [Int?]) func anImageThatCannotBeDecoded(ranks: Int?) throws {
      let data = try Workshop.copyOfData(in: scratch)
      try write([0xFF, 0xD8, 0xFF, 1, 2, 3], data + "/train/alien/0003.jpg")
      try expect(
        65, ["\(data)/train/alien/0003.jpg cannot be decoded"], train(data), ranks: ranks)
    }

    @Test func imagesLeftOutAreTheSameOnAnyNumberOfRanks() throws {
      let data = try Workshop.copyOfData(in: scratch)
      let bad = ["train/alien/0003.jpg", "train/predator/0008.jpg", "validation/alien/0001.jpg"]
      for name in bad { try write([1, 2, 3], "\(data)/\(name)") }
      var models: Set<String> = []
      for ranks in [nil, 3] as [Int?] {
        let output = "\(scratch.path)/run\(ranks ?? 1)"
        let words = train(data, ["--on-bad-image", "skip"]).map {
          $0 == scratch.path + "/run" ? output : $0
        }
        let outcome = try run(onRanks(ranks, [Program.tool] + words))
        #expect(outcome.status == 0, "\(outcome.errors)")
        let epoch = try Workshop.object(try #require(Workshop.epochs(output).last))
        #expect(epoch["skipped"] as? [String] == bad)
        models.insert(try Workshop.model(output))
      }
      #expect(models.count == 1)
    }

    @Test(arguments: ["train/alien/0008.jpg", "validation/predator/0000.jpg"])
    func filesOfOneNameThatDifferBetweenRanks(image: String) throws {
      let data = try Workshop.copyOfData(in: scratch)
      try Workshop.changeContent("\(data)/\(image)")
      let words = try Workshop.train(scratch.path + "/run", epochs: 1)
      let others = words.map { $0 == (try? Workshop.data.get()) ? data : $0 }
      let outcome = try run(
        ["mpirun", "--oversubscribe", "-n", "1"] + words + [":", "-n", "1"] + others)
      #expect(outcome.status == 65)
      #expect(
        outcome.errors.contains("of 26 that were compared, 1 differs. The SHA-256 of \(image) "),
        "\(outcome.errors)")
      #expect(!files.fileExists(atPath: scratch.path + "/run"))
    }

    @Test func aSingleProcessHasNobodyToAgreeWith() throws {
      let data = try Workshop.copyOfData(in: scratch)
      // More than is read of any image, and no blocks on the disk.
      truncate(data + "/train/alien/0003.jpg", 513 << 20)
      try expect(66, ["The images cannot be used: \(data)/train/alien/0003.jpg"], train(data))
      let outcome = try run([Program.tool] + train(data))
      #expect(!outcome.errors.contains("rank"))
    }

    // MARK: Weights and models

    @Test func noWeightsAnywhere() throws {
      let data = try Workshop.data.get()
      try expect(
        66, ["There is no backbone", "scripts/fetch-weights", "--weights demo"],
        ["train", "--data", data])
    }

    @Test func aMissingWeightFile() throws {
      let data = try Workshop.data.get()
      try expect(
        66, ["/nowhere.safetensors"],
        ["train", "--data", data, "--weights", "/nowhere.safetensors"])
    }

    @Test func aFileThatIsNoWeightFile() throws {
      let file = scratch.path + "/weights.safetensors"
      try write(Array("These are no weights, only a sentence.".utf8), file)
      try expect(65, [file], ["train", "--data", Workshop.data.get(), "--weights", file])
    }

    @Test func aWeightFileWithoutOneTensor() throws {
      let file = try changedBackbone(leavingOut: "layer3.0.conv2.weight")
      try expect(
        65, [file, "layer3.0.conv2.weight", "missing"],
        ["train", "--data", Workshop.data.get(), "--weights", file])
    }

    @Test func aWeightFileWithAWrongShape() throws {
      let file = try changedBackbone(reshaping: "layer2.1.bn1.weight")
      try expect(
        65, [file, "layer2.1.bn1.weight"],
        ["train", "--data", Workshop.data.get(), "--weights", file])
    }

    @Test func aModelOfAnotherBackbone() throws {
      let file = try changedBackbone()
      let model = try Workshop.whole.get() + "/model.safetensors"
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      // The same numbers in another file are the same backbone.
      try expect(0, [], ["predict", "--checkpoint", model, "--weights", file, image])
      try expect(
        65,
        ["was trained on the backbone demo (fingerprint", "--weights", "not of the file's bytes"],
        ["predict", "--checkpoint", model, "--weights", "random:3", image])
    }

    @Test func aModelOfOtherClasses() throws {
      let data = try Workshop.copyOfData(in: scratch)
      for part in ["train", "validation"] {
        try files.moveItem(atPath: "\(data)/\(part)/alien", toPath: "\(data)/\(part)/ant")
      }
      let model = try Workshop.whole.get() + "/model.safetensors"
      try expect(
        65, ["ant, predator", "alien, predator"],
        ["evaluate", "--checkpoint", model, "--data", data])
    }

    @Test func aFileThatIsNoModel() throws {
      let file = scratch.path + "/model.safetensors"
      try write([UInt8](repeating: 7, count: 500), file)
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      try expect(
        65, ["\(file) is damaged or no checkpoint"], ["predict", "--checkpoint", file, image])
    }

    @Test func anImageThatIsNotThere() throws {
      let model = try Workshop.whole.get() + "/model.safetensors"
      try expect(66, ["nowhere.jpg"], ["predict", "--checkpoint", model, "nowhere.jpg"])
    }

    /// The demo backbone with a change, as a file of its own.
    private func changedBackbone(
      leavingOut absent: String? = nil, reshaping bent: String? = nil
    ) throws -> String {
      let source = try SafeTensorsFile(path: Workshop.demoBackbone())
      var writer = SafeTensorsWriter(metadata: source.metadata)
      for name in source.names where name != absent {
        guard let type = source.elementType(of: name), "\(type)" != "int64" else { continue }
        let tensor = try source.floats(name)
        let values = name == bent ? Array(tensor.values.dropLast()) : tensor.values
        let shape = name == bent ? [values.count] : tensor.shape
        writer.add(name, Tensor(shape: shape, values: values))
      }
      let path = scratch.path + "/changed.safetensors"
      try writer.write(to: path)
      return path
    }

    // MARK: Outputs and numbers

    @Test func demoDataIntoAFolderInUse() throws {
      let data = try Workshop.data.get()
      try expect(73, ["\(data) is not empty"], ["demo-data", "--output", data])
    }

    @Test func featuresThatCannotBeWritten() throws {
      let image = try Workshop.data.get() + "/validation/alien/0000.jpg"
      try expect(
        73, ["/nowhere/f.safetensors"],
        ["features", "--weights", "demo", "--output", "/nowhere/f.safetensors", image])
    }

    @Test(arguments: [nil, 2] as [Int?]) func aLossThatIsNotFinite(ranks: Int?) throws {
      let more = ["--optimizer", "sgd", "--lr", "1e36"]
      try expect(65, ["finite", "--lr"], train(Workshop.data.get(), more), ranks: ranks)
    }
  }
}
