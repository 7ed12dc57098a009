import DemoFigures
import FileIO
import Settings

extension DemoSet: SettingChoice {}

/// `demo-data`: a small image set to try the tool on.
struct DemoDataCommand: Command {
  static let name = "demo-data"
  static let summary = "draw a small image set to try the tool on"
  static let discussion = """
    Draws JPEG images of figures into DIR/train/<class> and DIR/validation/<class>: aliens and \
    predators, or with --set backbone the twelve other kinds that the demo backbone learnt from.
    """
  static let example = "avp-dist demo-data --output demo"
  static let settings: [Setting<Self>] = {
    let count = SettingRange.from(1, to: 1_000_000)
    return [
      Setting(
        "output", \.output, "DIR", "a folder that does not exist yet or is empty",
        group: "Output", completion: .folders),
      Setting("set", \.set, "which figures", group: "Images"),
      Setting("train", \.train, "N", in: count, "training images of each class", group: "Images"),
      Setting(
        "validation", \.validation, "N", in: count, "validation images of each class",
        group: "Images"),
      Setting(
        "seed", \.seed, "N", in: .from(0, to: UInt64(Int.max)), "another seed draws other images",
        group: "Images"),
    ]
  }()

  var output = ""
  var set = DemoSet.demo
  var train = 200
  var validation = 100
  var seed: UInt64 = 0

  func run() throws {
    let output = try required(output, "output")
    try writeImageSet(
      to: output, set: set, trainPerClass: train, validationPerClass: validation, seed: seed)
    printLine("\(output): \(train) training and \(validation) validation images a class")
  }
}
