import FileIO
import Foundation
import ImageData
import Launching
import Reports
import Settings
import Testing

@testable import Commands

/// Wrong labels of a run's images.
@Suite struct LabelsCommandTests {
  /// A run whose predictions say that the first training image has the other class's label, and one
  /// of an image that it never had.
  private func run() throws -> DemoRun {
    let demo = try DemoRun()
    let set = try DatasetManifest.scan(root: demo.data)
    var text = OutOfSampleFile.head(classes: set.classes)
    for (index, sample) in set.train.enumerated() {
      let label = index == 0 ? 1 - sample.label : sample.label
      text += OutOfSampleFile.record(
        image: sample.path, label: set.classes[label], fold: 0,
        probabilities: sample.label == 0 ? [0.9, 0.1] : [0.1, 0.9])
    }
    for other in ["../secret.jpg", "/etc/hostname"] {
      text += OutOfSampleFile.record(
        image: other, label: set.classes[1], fold: 0, probabilities: [0.95, 0.05])
    }
    try GuardedFolder(path: demo.run).write(Array(text.utf8), to: OutOfSampleFile.name)
    return demo
  }

  @Test func thePageShowsImagesOfTheSetAlone() throws {
    let demo = try run()
    let (page, table) = (demo.folder.path + "/labels.html", demo.folder.path + "/labels.csv")
    try command(LabelsCommand.self, [demo.run, "--html", page, "--output", table]).run()
    let html = try demo.folder.text("labels.html")
    #expect(html.components(separatedBy: "<figure>").count - 1 == 3)
    #expect(html.components(separatedBy: "<img ").count - 1 == 1)
    #expect(html.components(separatedBy: "not one of the image set").count - 1 == 2)
    #expect(try demo.folder.text("labels.csv").split(separator: "\r\n").count == 11)
  }

  @Test func aTableNeedsItsImages() throws {
    let demo = try run()
    let (page, file) = (demo.folder.path + "/labels.html", "\(demo.run)/\(OutOfSampleFile.name)")
    #expect(throws: UsageError.self) {
      try command(LabelsCommand.self, [file, "--html", page]).run()
    }
    try command(LabelsCommand.self, [file, "--html", page, "--data", demo.data]).run()
    #expect(try demo.folder.text("labels.html").contains("<img "))
  }

  /// Another image in the folder, and the run's description is not believed any more.
  @Test func aRunWithOtherImagesShowsNone() throws {
    let demo = try run()
    _ = try demo.folder.write("x", "data/train/alien/new.jpg")
    let page = demo.folder.path + "/labels.html"
    let error = #expect(throws: Failure.self) {
      try command(LabelsCommand.self, [demo.run, "--html", page]).run()
    }
    #expect(error?.description.contains("does not hold the images that the run had") == true)
  }

  @Test func aRunWithoutFoldsSaysSo() throws {
    let demo = try DemoRun()
    let error = #expect(throws: Failure.self) {
      try command(LabelsCommand.self, [demo.run]).run()
    }
    #expect(
      error?.description.contains("has no out-of-sample.csv: only a run with --folds") == true)
    #expect(throws: UsageError.self) { try command(LabelsCommand.self, []) }
    #expect(throws: UsageError.self) {
      try command(LabelsCommand.self, [demo.run, "--data", demo.data])
    }
  }
}
