import FileIO
import Foundation
import Testing

extension ToolTests {
  /// `sweep`, and the settings that only heads know.
  @Suite struct SweepToolTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private func tool(_ words: [String], ranks: Int? = nil) throws -> Outcome {
      try run(onRanks(ranks, [Program.tool] + words), in: scratch.path)
    }

    /// A sweep into the folder `name`.
    private func sweep(
      _ name: String, _ words: [String], ranks: Int? = nil
    ) throws -> Outcome {
      let data = try Workshop.data.get()
      return try tool(
        ["sweep", "--data", data, "--weights", "demo", "--output", name, "--threads", "1"] + words,
        ranks: ranks)
    }

    private static let lists = [
      "--hidden", "0,8", "--lr", "1e-3,0.1", "--mixup", "0,0.4", "--standardise", "yes", "--folds",
      "3", "--epochs", "3", "--no-augment",
    ]

    /// Three ranks write what one does, and the command line that is told trains the same model.
    @Test func everyNumberOfRanksAndTheCommandLineGiveTheSameModel() throws {
      let alone = try sweep("alone", Self.lists + ["--json"])
      #expect(alone.status == 0, "\(alone.errors)")
      let shared = try sweep("shared", Self.lists + ["--exchange", "features"], ranks: 3)
      #expect(shared.status == 0, "\(shared.errors)")
      for name in ["model.safetensors", "out-of-sample.csv", "sweep.csv", "sweep.json"] {
        #expect(
          try scratch.text("alone/\(name)") == scratch.text("shared/\(name)"), "\(name)")
      }
      let result = try Workshop.object(try #require(alone.lines.last))
      #expect((result["settings"] as? [Any])?.count == 8)
      let line = try #require(result["command_line"] as? String)
      let words = line.split(separator: " ").dropFirst().map(String.init)
      let again = try tool(words + ["--output", "again", "--threads", "1"])
      #expect(again.status == 0, "\(again.errors)")
      #expect(
        try Workshop.model(scratch.path + "/again") == Workshop.model(scratch.path + "/alone"))
      let page = try scratch.text("alone/sweep.html")
      #expect(page.contains("Accuracy by --mixup") && !page.contains("<script"))
      let predicted = try tool([
        "predict", "--checkpoint", "alone", "--calibrated", "--json",
        Workshop.data.get() + "/validation",
      ])
      #expect(predicted.lines.count == 8)
      // The pages find the sweep's only model, and its own curves.
      let report = try tool(["report", "alone", "--threads", "1"])
      #expect(report.status == 0 && !report.errors.contains("warning"), "\(report.errors)")
      #expect(try scratch.text("alone/report.html").contains("3 epochs: validation accuracy"))
      let labels = try tool(["labels", "alone", "--html", "labels.html"])
      #expect(labels.status == 0, "\(labels.errors)")
    }

    @Test func withoutListsTheUsualSettingsAreTried() throws {
      let outcome = try sweep("usual", ["--folds", "2"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("5 settings, by loss on 18 training images"))
      #expect(outcome.output.contains("--epochs 30 --schedule cosine --mixup "))
      #expect(outcome.output.contains(" --standardise --monitor loss --folds 2 --no-augment"))
    }

    /// A linear head, solved to the minimum, in every format of export.
    @Test func theLinearProbeIsSolvedAndExported() throws {
      let words = ["--hidden", "0", "--optimizer", "lbfgs", "--weight-decay", "0.01,0.1,1"]
      let outcome = try sweep("probe", words + ["--folds", "2", "--monitor", "accuracy"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("3 settings, by accuracy on 18 training images"))
      let images = try Workshop.data.get() + "/validation"
      func predictions(_ model: String) throws -> [[Double]] {
        let outcome = try tool(["predict", "--checkpoint", model, "--json", images])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.lines.map { line in
          let object = try Workshop.object(line)["probabilities"] as? [String: Double]
          return try #require(object).sorted { $0.key < $1.key }.map(\.value)
        }
      }
      let own = try predictions("probe")
      #expect(own.count == 8)
      for (format, ending) in [
        ("safetensors", "safetensors"), ("torch", "pth"), ("keras", "h5"), ("onnx", "onnx"),
      ] {
        let file = "model.\(ending)"
        let export = try tool([
          "export", "--checkpoint", "probe", "--format", format, "--output", file,
        ])
        #expect(export.status == 0, "\(export.errors)")
        for (left, right) in zip(own, try predictions(file)) {
          for (x, y) in zip(left, right) { #expect(abs(x - y) < 1e-5, "\(format)") }
        }
      }
    }

    private static let many: [String] = (1...60).map { "\($0)" }

    static let refusals: [(words: [String], reason: String)] = [
      (["--lr", "1e-3,zero"], "--lr takes a number"),
      (["--lr", "1e-3,1e-3"], "has '1e-3' twice"),
      (["--lr", ""], "--lr takes"),
      (["--standardise", "maybe"], "takes yes, no or both"),
      (["--optimizer", "adam,lbfgs"], "sweep them in two runs"),
      (["--patience", "3"], "--patience"),
      (["--folds", "1"], "--folds"),
      (["--folds", "10"], "too few for 10 folds"),
      (
        ["--hidden", many.joined(separator: ","), "--lr", many.joined(separator: ",")],
        "more than 10000 heads"
      ),
    ]

    @Test(arguments: refusals.indices) func whatCannotBeSweptIsRefused(index: Int) throws {
      let (words, reason) = Self.refusals[index]
      let outcome = try sweep("refused", words)
      #expect(outcome.status == 64 || outcome.status == 65, "\(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
    }

    static let headRefusals: [(words: [String], reason: String)] = [
      (["--optimizer", "lbfgs", "--lr", "1"], "--lr has no effect with --optimizer lbfgs"),
      (["--optimizer", "lbfgs", "--mixup", "0.4"], "--mixup has no effect"),
      (["--class-weights", "nowhere.json"], "--class-weights takes balanced|FILE.json"),
      (["--dropout", "1"], "--dropout takes a number from 0 to 0.99"),
      (["--folds", "12"], "9 training images or groups, too few for 12 folds"),
    ]

    @Test(arguments: headRefusals.indices) func settingsOfHeadsAreChecked(index: Int) throws {
      let (words, reason) = Self.headRefusals[index]
      let outcome = try run(Workshop.train(scratch.path + "/refused", words))
      #expect(outcome.status == 64 || outcome.status == 65, "\(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
    }
  }
}
