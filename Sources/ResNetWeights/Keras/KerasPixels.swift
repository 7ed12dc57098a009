import FileIO
import TensorFormats
import Tensors

/// What the layers of a Keras model before its first convolution make of an image's pixels.
///
/// The path is followed backwards, from the convolution to the model's input, through models in
/// models: what stands on it is called once, with the layer before it and constants.
package struct KerasPixels {
  /// What pixels must be; nil where no layer changes them.
  package private(set) var pixels: Normalisation?
  /// The layer that cannot be followed, as an error.
  package private(set) var problem: FileError?

  package init(
    _ configuration: KerasConfiguration?, _ normalizations: [String: KerasLayers.Layer],
    _ file: HDF5File
  ) {
    guard let configuration else { return }
    do throws(FileError) {
      let operations = try KerasInputPath(configuration, path: file.path).operations
      if operations.isEmpty { return }
      var steps = PixelSteps()
      for operation in operations.reversed() {
        try Self.apply(operation, to: &steps, normalizations, file)
      }
      guard let convention = steps.convention else {
        throw Self.unsupported(operations[0].layer, file.path)
      }
      pixels = convention
    } catch {
      problem = error
    }
  }

  private static func apply(
    _ operation: KerasInputPath.Operation, to steps: inout PixelSteps,
    _ normalizations: [String: KerasLayers.Layer], _ file: HDF5File
  ) throws(FileError) {
    let layer = operation.layer
    let constant = operation.constant.flatMap(channels)
    switch (layer.className, constant) {
    case ("Rescaling", _):
      guard let scale = layer.settings["scale"].flatMap(channels),
        let offset = channels(layer.settings["offset"] ?? .number(0))
      else { throw unsupported(layer, file.path) }
      steps.multiply(by: scale)
      steps.add(offset)
    case ("Normalization", _):
      let (mean, variance) = try statistics(layer, normalizations[layer.name], file)
      steps.add(-mean)
      steps.divide(by: variance.squareRoot())
    case ("Add", let numbers?): steps.add(numbers)
    case ("Multiply", let numbers?): steps.multiply(by: numbers)
    case ("Subtract", let numbers?) where operation.isFirst: steps.add(-numbers)
    case ("TrueDivide", let numbers?) where operation.isFirst,
      ("Divide", let numbers?) where operation.isFirst:
      steps.divide(by: numbers)
    case ("reversal", _): steps.reverseChannels()
    default: throw unsupported(layer, file.path)
    }
  }

  /// Mean and variance of each channel: settings of the layer, or weights in the file.
  private static func statistics(
    _ layer: KerasConfiguration.Layer, _ weights: KerasLayers.Layer?, _ file: HDF5File
  ) throws(FileError) -> (mean: SIMD3<Double>, variance: SIMD3<Double>) {
    func numbers(_ key: String, _ role: KerasLayers.Role) throws(FileError) -> SIMD3<Double> {
      var value = layer.settings[key]
      if value == nil || value == .null, let dataset = weights?.datasets[role] {
        value = .array(try file.floats(dataset).values.map { .number(shortest($0)) })
      }
      guard let numbers = value.flatMap(channels), layer.settings["invert"] != .boolean(true) else {
        throw unsupported(layer, file.path)
      }
      return numbers
    }
    return (try numbers("mean", .mean), try numbers("variance", .variance))
  }

  /// One number for each channel: a number, three of them in any nesting, or a constant tensor of
  /// Keras, whose numbers are floats.
  private static func channels(_ value: JSONValue) -> SIMD3<Double>? {
    let tensor = value["config"]?["value"]
    guard var numbers = (tensor ?? value).numbers else { return nil }
    if tensor != nil { numbers = numbers.map { shortest(Float($0)) } }
    return SIMD3(channels: numbers)
  }

  /// The shortest decimal of a float: 103.939 and not 103.93900299072266.
  private static func shortest(_ number: Float) -> Double { Double("\(number)") ?? Double(number) }

  /// An error about a layer that no pixel convention can stand for.
  package static func unsupported(_ layer: KerasConfiguration.Layer, _ path: String)
    -> FileError
  {
    FileError(
      .unsupported, path,
      "prepares pixels by the layer \(quoted(layer.name)) (\(cleaned(layer.className))), which is not "
        + "followed; only Rescaling, Normalization and preprocess_input with one number or three are. "
        + "Save the ResNet inside without it", entry: layer.name)
  }
}
