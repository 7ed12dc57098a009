import Tensors

/// Compares the tensors of a file with those that a network needs.
struct BackboneCheck {
  let layout: BackboneLayout
  /// Everything that is missing, extra or misshapen; empty if nothing is wrong.
  let problems: [WeightFileError]
  /// The names of the backbone's tensors, sorted.
  let names: [String]
  /// The names of the tensors after the backbone: `fc.*`.
  let headNames: [String]

  init(_ source: some TensorSource) throws(WeightFileError) {
    layout = try BackboneLayout(of: source)
    let expected = layout.expectedShapes()
    names = sortedByBytes(expected.keys)
    var problems: [WeightFileError] = []
    for name in names {
      guard let shape = source.shape(of: name) else {
        problems.append(.missing(name, in: source.path))
        continue
      }
      if let needed = expected[name], needed != shape {
        problems.append(
          WeightFileError(
            .tensorMisshapen, source.path,
            "the tensor \(quoted(name)) has shape \(shape), but needs \(needed)", tensor: name))
      } else if source.elementType(of: name)?.isFloatingPoint != true {
        problems.append(
          WeightFileError(
            .tensorMisshapen, source.path,
            "the tensor \(quoted(name)) holds no floating-point numbers", tensor: name))
      }
    }
    var headNames: [String] = []
    for name in source.names where expected[name] == nil {
      if name.hasPrefix("fc.") {
        headNames.append(name)
      } else if !Self.isCounter(name, expected) {
        problems.append(
          WeightFileError(
            .tensorUnexpected, source.path,
            "the tensor \(quoted(name)) does not belong to a \(layout.architecture)", tensor: name))
      }
    }
    self.problems = problems
    self.headNames = headNames
  }

  /// PyTorch's batch-norms count the batches that they have seen; frozen ones do not need it.
  private static func isCounter(_ name: String, _ expected: [String: [Int]]) -> Bool {
    let suffix = ".num_batches_tracked"
    return name.hasSuffix(suffix)
      && expected["\(name.dropLast(suffix.count)).running_mean"] != nil
  }

  /// Reads every tensor once: refuses infinities, NaNs and variances below zero, and gives the SHA-256 of
  /// all of it, so that the same weights in another format have the same fingerprint.
  func fingerprint(
    of source: some TensorSource, conventions: [String]
  ) throws(WeightFileError) -> String {
    var digest = SHA256()
    for text in conventions { digest.update(Array("\(text)\n".utf8)) }
    for name in names {
      let tensor = try source.floats(name)
      try requireFinite(tensor, name, path: source.path)
      if name.hasSuffix("running_var"), tensor.values.contains(where: { $0 < 0 }) {
        throw WeightFileError(
          .damaged, source.path, "the tensor \(quoted(name)) holds a variance below zero",
          tensor: name)
      }
      digest.update(Array("\(name) \(tensor.shape)\n".utf8))
      digest.update(tensor.values)
    }
    return digest.hexadecimal()
  }
}

/// Refuses a tensor that holds an infinity or a NaN.
func requireFinite(
  _ tensor: Tensor<Float>, _ name: String, path: String
) throws(WeightFileError) {
  // A float is finite if not all bits of its exponent are set; a loop without branches is quick.
  var count = 0
  for value in tensor.values { count &+= value.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
  guard count == 0 else {
    throw WeightFileError(
      .tensorNotFinite, path,
      "the tensor \(quoted(name)) holds \(count) numbers that are infinite or not numbers",
      tensor: name)
  }
}
