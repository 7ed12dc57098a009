import FileIO
import Tensors

/// Compares the tensors of a file with those that a network needs.
package struct BackboneCheck {
  package let layout: BackboneLayout
  /// Everything that is missing, extra or misshapen; empty if nothing is wrong.
  package let problems: [FileError]
  /// The names of the backbone's tensors, sorted.
  package let names: [String]
  /// The names of the tensors after the backbone, if there are any: those of `fc`, or of `fc.0` and
  /// `fc.2`.
  package let headNames: [String]

  package init(_ source: some TensorSource) throws(FileError) {
    layout = try BackboneLayout(of: source)
    let head = BackboneHeadShapes(source, features: layout.featureCount)
    let backbone = layout.expectedShapes
    names = sortedByBytes(backbone.keys)
    headNames = sortedByBytes(head.shapes.keys)
    let expected = backbone.merging(head.shapes) { shape, _ in shape }
    var problems = (sortedPairs(backbone) + sortedPairs(head.shapes)).compactMap {
      Self.problem($0.key, $0.value, source)
    }
    for name in source.names where expected[name] == nil && !Self.isCounter(name, backbone) {
      problems.append(
        FileError(
          .entryUnexpected, source.path,
          "the tensor \(quoted(name)) does not belong to a \(layout.architecture)", entry: name))
    }
    self.problems = problems
  }

  /// What is wrong with one tensor, or nil if nothing is.
  private static func problem(
    _ name: String, _ needed: [Int], _ source: some TensorSource
  ) -> FileError? {
    guard let shape = source.shape(of: name) else { return .missingTensor(name, in: source.path) }
    if shape != needed {
      return FileError(
        .entryMismatch, source.path,
        "the tensor \(quoted(name)) has shape \(shape), but needs \(needed)", entry: name)
    }
    guard let type = source.elementType(of: name) else {
      // Something is there that cannot be read; the source knows why.
      do throws(FileError) {
        _ = try source.floats(name)
        return nil
      } catch {
        return error
      }
    }
    return type.isFloatingPoint
      ? nil
      : FileError(
        .entryMismatch, source.path,
        "the tensor \(quoted(name)) holds no floating-point numbers", entry: name)
  }

  /// PyTorch's batch-norms count the batches that they have seen; frozen ones do not need it.
  private static func isCounter(_ name: String, _ expected: [String: [Int]]) -> Bool {
    let suffix = ".num_batches_tracked"
    return name.hasSuffix(suffix)
      && expected["\(name.dropLast(suffix.count)).running_mean"] != nil
  }

  /// Reads every tensor once: refuses infinities, NaNs and variances below zero, and gives the
  /// SHA-256 of all of it, so that the same weights in another format have the same fingerprint.
  package func fingerprint(
    of source: some TensorSource, conventions: [String]
  ) throws(FileError) -> String {
    var digest = SHA256()
    for text in conventions { digest.update(Array("\(text)\n".utf8)) }
    for name in names {
      let tensor = try source.floats(name)
      try requireFinite(tensor, name, path: source.path)
      if name.hasSuffix("running_var"), tensor.values.contains(where: { $0 < 0 }) {
        throw FileError(
          .damaged, source.path, "the tensor \(quoted(name)) holds a variance below zero",
          entry: name)
      }
      digest.update(Array("\(name) \(tensor.shape)\n".utf8))
      digest.update(tensor.values)
    }
    return digest.hexadecimal()
  }
}

/// The shapes of the dense layers after a backbone: one, as a classifier of ImageNet has, or two.
///
/// Biases may be missing. All other tensors, whatever they are called, belong to no head.
private struct BackboneHeadShapes {
  /// The shapes that the tensors of the head must have, by name.
  private(set) var shapes: [String: [Int]] = [:]

  init(_ source: some TensorSource, features: Int) {
    for layers in [["fc"], ["fc.0", "fc.2"]] where shapes.isEmpty {
      let parts = layers.flatMap { ["\($0).weight", "\($0).bias"] }
      guard parts.contains(where: { source.shape(of: $0) != nil }) else { continue }
      var inputs = features
      for layer in layers {
        let weight = source.shape(of: "\(layer).weight")
        let outputs = max(1, weight?.first ?? 1)
        shapes["\(layer).weight"] = [outputs, inputs]
        if let bias = source.shape(of: "\(layer).bias") {
          // Without its weight, which is missed, a bias may have any length.
          shapes["\(layer).bias"] = weight == nil ? bias : [outputs]
        }
        inputs = outputs
      }
    }
  }
}

/// Refuses a tensor that holds an infinity or a NaN.
package func requireFinite(
  _ tensor: Tensor<Float>, _ name: String, path: String
) throws(FileError) {
  // A float is finite if not all bits of its exponent are set; a loop without branches is quick.
  var count = 0
  for value in tensor.values { count &+= value.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
  guard count == 0 else {
    throw FileError(
      .entryNotFinite, path,
      "the tensor \(quoted(name)) holds \(count) numbers that are infinite or not numbers",
      entry: name)
  }
}
