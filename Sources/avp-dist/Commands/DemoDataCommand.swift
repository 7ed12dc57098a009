import DemoFigures

extension Command {
  static let demoData = Command(
    name: "demo-data",
    summary: "draw a small picture set to try the tool on",
    discussion: """
      Draws JPEG pictures of figures into DIR/train/<class> and DIR/validation/<class>: aliens and \
      predators, or with `--set backbone` the twelve other kinds that the demo backbone learnt from.
      """,
    options: [
      Option("--output", "DIR", "a folder that does not exist yet or is empty"),
      Option("--set", "demo|backbone", "which figures (demo)"),
      Option("--train", "N", "training pictures a class (200)"),
      Option("--validation", "N", "validation pictures a class (100)"),
      Option("--seed", "N", "another seed draws other pictures (0)"),
    ],
    run: { arguments in
      let output = try arguments.required("--output")
      let set: DemoSet = try arguments.choice("--set") ?? .demo
      let train = try arguments.int("--train", in: 1...1_000_000) ?? 200
      let validation = try arguments.int("--validation", in: 1...1_000_000) ?? 100
      let seed = UInt64(try arguments.int("--seed", in: 0...Int.max) ?? 0)
      try writePictureSet(
        to: output, set: set, trainPerClass: train, validationPerClass: validation, seed: seed)
      print("\(output): \(train) training and \(validation) validation pictures a class")
    })
}
