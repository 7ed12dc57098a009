import ResNet
import WeightFiles

extension Command {
  static let weights = Command(
    name: "weights",
    summary: "look into a weight file, or convert it to safetensors",
    operands: "inspect FILE | convert FROM TO",
    discussion: """
      Reads ResNet weights of PyTorch, Keras, Hugging Face and ONNX, recognised by content. FILE may
      be a folder of the Hugging Face hub, with config.json beside model.safetensors.
      `inspect` prints what a file is and what is missing; `convert` writes it as safetensors with
      everything that is known about the network in its metadata.
      """,
    options: [],
    run: { arguments in
      let operands = arguments.operands
      switch (operands.first, operands.count) {
      case ("inspect", 2):
        let report = try BackboneChoice.reading(operands[1], inspectWeights)
        try printResult(visible(report.description))
        guard report.problems.isEmpty else {
          throw Failure(
            status: .badData, description: "\(operands[1]) cannot be used as a backbone.")
        }
        if let objection = report.layout?.objection {
          throw Failure(
            status: .badData,
            description: "\(operands[1]) cannot be used as a backbone: \(objection).")
        }
      case ("convert", 3):
        print(
          try BackboneChoice.reading(operands[1]) { file in
            try convertWeights(from: file, to: operands[2])
          })
      default:
        throw UsageError("Say `weights inspect FILE` or `weights convert FROM TO`.")
      }
    })
}
