import Foundation
import Testing

extension ToolTests {
  /// Images that are good, and of which something has to be told nevertheless.
  @Suite struct ImageFileTests {
    private let scratch: TemporaryFolder

    init() throws { scratch = try TemporaryFolder() }

    private func train(_ data: String, epochs: Int = 1, _ more: [String] = []) -> [String] {
      [
        Program.tool, "train", "--data", data, "--weights", "demo", "--batch-size", "8",
        "--hidden", "8", "--epochs", "\(epochs)", "--no-augment", "--output", scratch.path + "/run",
      ] + more
    }

    private func change(_ path: String, _ body: ([UInt8]) -> [UInt8]) throws {
      let url = URL(fileURLWithPath: path)
      try Data(body([UInt8](Data(contentsOf: url)))).write(to: url)
    }

    /// With features from disk too, which the second run has; each run tells once.
    @Test(arguments: [nil, 3] as [Int?]) func turnedImagesAreCountedOverAllRanks(
      ranks: Int?
    ) throws {
      let data = try Workshop.copyOfData(in: scratch)
      let exif =
        Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
      for name in ["train/alien/0003", "train/predator/0001", "validation/alien/0001"] {
        try change("\(data)/\(name).jpg") {
          $0.prefix(2) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + $0.dropFirst(2)
        }
      }
      let line = "3 images have an EXIF orientation other than upright, which is not applied"
      for (epochs, more) in [(2, []), (3, ["--resume", "auto", "--resume-override"])] {
        let outcome = try run(onRanks(ranks, train(data, epochs: epochs, more)))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.lines.filter { $0 == line }.count == 1, "\(outcome.output)")
      }
      let metrics = try String(contentsOfFile: scratch.path + "/run/metrics.jsonl", encoding: .utf8)
      let events = metrics.split(separator: "\n").filter { $0.contains(#""event":"pictures""#) }
      let event = #"{"event":"pictures","exif_orientation":3,"grey16_bit":0}"#
      #expect(events.map(String.init) == [event, event])
      let outcome = try run(
        onRanks(
          ranks,
          [
            Program.tool, "evaluate", "--data", data, "--checkpoint",
            scratch.path + "/run/model.safetensors",
          ]))
      #expect(outcome.status == 0)
      #expect(outcome.errors.contains("1 image has an EXIF orientation"))
    }

    /// The run records it; `evaluate`, `predict` and exports do as the run did, and going on needs it.
    @Test func appliedOrientationIsRecordedAndFollowed() throws {
      let data = try Workshop.copyOfData(in: scratch)
      let exif =
        Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
      let image = "\(data)/validation/alien/0001.jpg"
      let stored = "\(scratch.path)/stored.jpg"
      try FileManager.default.copyItem(atPath: image, toPath: stored)
      try change(image) {
        $0.prefix(2) + [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif + $0.dropFirst(2)
      }
      let trained = try run(train(data, ["--exif-orientation", "apply"]))
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(!trained.output.contains("EXIF"))
      func answer(_ checkpoint: String, _ image: String) throws -> String {
        let outcome = try run([
          Program.tool, "predict", "--checkpoint", checkpoint, "--json", image,
        ])
        #expect(outcome.status == 0 && !outcome.errors.contains("EXIF"), "\(outcome.errors)")
        return outcome.output.replacingOccurrences(of: image, with: "")
      }
      let model = scratch.path + "/run/model.safetensors"
      let turned = try answer(model, image)
      #expect(try turned != answer(model, stored))
      for (format, name) in [("onnx", "model.onnx"), ("torch", "model.pth")] {
        let path = "\(scratch.path)/\(name)"
        let words = ["export", "--checkpoint", model, "--format", format, "--output", path]
        #expect(try run([Program.tool] + words).status == 0)
        #expect(try answer(path, image) == turned)
      }
      let resumed = try run(train(data, epochs: 2, ["--resume", "auto", "--resume-override"]))
      #expect(resumed.status == 65 && resumed.errors.contains("exif-orientation"))
    }

    /// What a host lacks says nothing about an image, so that it is not left out. The small
    /// images fit the same limit.
    @Test func memoryThatRunsOutIsNotTheImagesFault() throws {
      let data = try Workshop.copyOfData(in: scratch)
      func attempt() throws -> Outcome {
        try run(
          ["sh", "-c", "ulimit -v 700000; exec \"$@\"", "sh"]
            + train(data, ["--on-bad-image", "skip", "--threads", "1"]),
          environment: ["OPENBLAS_NUM_THREADS": "1"])
      }
      let small = try attempt()
      #expect(small.status == 0, "\(small.errors)")
      try FileManager.default.removeItem(atPath: scratch.path + "/run")
      let path = data + "/train/alien/0003.jpg"
      try change(path) { bytes in
        // The frame header says 10,000 x 10,000 pixels.
        guard
          let frame = bytes.indices.dropLast().first(where: {
            bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0
          })
        else { return [] }
        return bytes.prefix(frame + 5) + [0x27, 0x10, 0x27, 0x10] + bytes.dropFirst(frame + 9)
      }
      let large = try attempt()
      #expect(large.status == 69, "\(large.errors)")
      #expect(large.errors.contains("\(path) cannot be decoded: this host has no memory for"))
    }
  }
}
