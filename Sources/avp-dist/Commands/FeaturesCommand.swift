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
      metadata entry `images` lists the pictures as a JSON array, `skipped` those left out. Start it \
      under mpirun to share the work.
      """,
    isForRanks: true,
    options: backboneOptions + [
      Option("--preset", "pytorch|keras", "whose resizing (pytorch)"),
      Option(
        "--on-bad-image", "fail|skip", "what happens where pictures cannot be used (fail)"),
      Option("--output", "FILE.safetensors", "the file to write"),
    ],
    run: { arguments in try withRanks(stallTimeout: .seconds(300)) { try features(arguments, $0) } }
  )

  private static func features(_ arguments: Arguments, _ communicator: any Communicator) throws {
    let output = try arguments.required("--output")
    let preset: Preset = try arguments.choice("--preset") ?? .pytorch
    let policy: BadImagePolicy = try arguments.choice("--on-bad-image") ?? .fail
    let list = try PictureList(arguments.operands, communicator)
    let names = list.names
    let backbone = try LoadedBackbone(arguments)
    // Before the work, not after it: whether the file can be made.
    if communicator.rank == 0 { try TemporaryFile(beside: output).discard() }
    let extractor = FeatureExtractor(
      backbone: backbone.backbone,
      transform: PictureTransform(
        preset: preset, normalisation: backbone.normalisation),
      pictures: PictureSource(root: PictureList.root))
    var values: [Float] = []
    var images: [String] = []
    var skipped: [String] = []
    var bad = BadPictures()
    let options = try RunOptions(arguments, communicator: communicator)
    try Screen.phase("computing features") { update in
      _ = try shareFeatures(
        of: list.requests, producer: extractor, options: options, communicator: communicator
      ) { index, outcome in
        switch outcome.features {
        case .success(let vector):
          values += vector
          images.append(names[index])
        case .failure(let error):
          skipped.append(names[index])
          bad.add(names[index], error)
        }
        update(index + 1, names.count)
      }
    }
    if policy == .fail {
      try bad.check(
        of: names.count, remedy: " (--on-bad-image skip leaves them out)", communicator)
    }
    guard communicator.rank == 0 else { return }
    var metadata = [
      "images": try jsonArray(images), "backbone": backbone.summary, "preset": preset.rawValue,
    ]
    if !skipped.isEmpty { metadata["skipped"] = try jsonArray(skipped) }
    let shape = [images.count, backbone.backbone.featureCount]
    var writer = SafeTensorsWriter(metadata: metadata)
    writer.add("features", Tensor(shape: shape, values: values))
    try writer.write(to: output)
    let others = skipped.isEmpty ? "" : ", \(skipped.count) pictures left out"
    print("\(output): features \(shape) of \(backbone.summary)\(others)")
  }

  private static func jsonArray(_ names: [String]) throws -> String {
    String(decoding: try JSONEncoder.sorted.encode(names), as: UTF8.self)
  }
}
