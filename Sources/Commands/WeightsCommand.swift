import FileIO
import Launching
import ResNet
import ResNetWeights
import Settings

/// `weights`: what is in a weight file.
struct WeightsCommand: Command {
  static let name = "weights"
  static let summary = "look into a weight file, or convert it to safetensors"
  static let discussion = """
    Reads ResNet weights of PyTorch, Keras, Hugging Face and ONNX, recognised by content. FILE may \
    be a folder of the Hugging Face hub, with config.json beside model.safetensors. `inspect` \
    prints what a file is and what is missing. `convert` writes it as safetensors, whose metadata \
    then say all that is known about the network.
    """
  static let operands: String? = "inspect FILE | convert FROM TO"
  static let example = "avp-dist weights inspect resnet50.pth"
  static let settings: [Setting<Self>] = []

  private enum Task {
    case inspect(String)
    case convert(String, to: String)
  }

  private var task: Task?

  mutating func take(_ operands: [String]) throws(UsageError) {
    switch (operands.first, operands.count) {
    case ("inspect", 2): task = .inspect(operands[1])
    case ("convert", 3): task = .convert(operands[1], to: operands[2])
    default: throw UsageError("Say `weights inspect FILE` or `weights convert FROM TO`.")
    }
  }

  func run() throws {
    switch task {
    case .inspect(let path): try inspect(path)
    case .convert(let path, let target):
      printLine(try BackboneChoice.reading(path) { try convertWeights(from: $0, to: target) })
    case nil: preconditionFailure("take(_:) comes first")
    }
  }

  private func inspect(_ path: String) throws {
    let report = try BackboneChoice.reading(path, inspectWeights)
    try printResult(visible(report.description))
    guard report.problems.isEmpty else {
      throw Failure(status: .badData, description: "\(path) cannot be used as a backbone.")
    }
    if let objection = report.layout?.objection {
      throw Failure(
        status: .badData, description: "\(path) cannot be used as a backbone: \(objection).")
    }
  }
}
