import Collectives
import Foundation
import ImageData
import ImageTransforms
import Tensors
import Training
import WeightFiles

extension Command {
  static let features = Command(
    name: "features",
    summary: "write the backbone's features of pictures to a safetensors file",
    operands: "IMAGE|DIR...",
    discussion: """
      Writes the tensor `features` [N, D], one row a picture in the order given, unaugmented; the \
      metadata entry `images` lists the pictures as a JSON array.
      """,
    options: backboneOptions + [
      Option("--preset", "pytorch|keras", "whose resizing (pytorch)"),
      Option("--output", "FILE.safetensors", "the file to write"),
    ],
    run: features)

  private static func features(_ arguments: Arguments) throws {
    let output = try arguments.required("--output")
    let list = try PictureList(arguments.operands)
    let preset: Preset = try arguments.choice("--preset") ?? .pytorch
    let backbone = try LoadedBackbone(arguments)
    let extractor = FeatureExtractor(
      backbone: backbone.backbone,
      transform: PictureTransform(
        preset: preset, normalisation: backbone.normalisation),
      pictures: PictureSource(root: PictureList.root))
    let options = try RunOptions(arguments, communicator: SingleProcess())
    let results = try Training.features(of: list.requests, producer: extractor, options: options)
    let values = results.flatMap { result -> [Float] in
      if case .features(let vector) = result { vector } else { [] }
    }
    let images = String(decoding: try JSONEncoder.sorted.encode(list.names), as: UTF8.self)
    var writer = SafeTensorsWriter(metadata: [
      "images": images, "backbone": backbone.summary, "preset": preset.rawValue,
    ])
    writer.add(
      "features",
      Tensor(shape: [list.names.count, backbone.backbone.featureCount], values: values))
    try writer.write(to: output)
    print(
      "\(output): features [\(list.names.count), \(backbone.backbone.featureCount)] of "
        + backbone.summary)
  }
}
