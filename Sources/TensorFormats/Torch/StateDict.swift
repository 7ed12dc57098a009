import FileIO

/// The tensors of a state_dict, wherever it is in a pickle.
package struct StateDict {
  /// Names and tensors in the order of the file.
  package let tensors: [(String, TorchView)]

  /// Keys under which training scripts keep the state_dict.
  private static let usualKeys = ["state_dict", "model_state_dict", "model", "net", "module"]

  package init(_ pickle: PickleContent, path: String) throws(FileError) {
    guard var pairs = Self.dictionary(pickle.root, pickle) else {
      throw FileError(
        .unsupported, path, "holds no state_dict: save model.state_dict() with torch.save")
    }
    // At most two wrappings, such as {"model": {"state_dict": ...}}.
    for _ in 0..<2 {
      guard let nested = try Self.nested(pairs, pickle, path) else { break }
      pairs = nested
    }
    var entries: [(name: String, view: TorchView)] = []
    var indices: [String: Int] = [:]
    for (key, value) in pairs {
      guard case .tensor(let view) = value else {
        let what = if case .other(let what) = value { what } else { "no tensor" }
        throw FileError(
          .unsupported, path,
          "holds no plain state_dict: the entry \(quoted(key)) is \(what); save "
            + "model.state_dict() with torch.save", entry: key)
      }
      // As in Python, the last of equal keys counts, in the first one's order.
      let index = indices[key, default: entries.count]
      indices[key] = index
      if index == entries.count { entries.append((key, view)) } else { entries[index].view = view }
    }
    // DataParallel puts `module.` before every name.
    let prefix = entries.allSatisfy { $0.name.hasPrefix("module.") } ? "module." : ""
    tensors = entries.map { (String($0.name.dropFirst(prefix.count)), $0.view) }
  }

  private typealias Pairs = [(key: String, value: PickleValue)]

  /// The dictionary with the weights in a dictionary of other things: under a usual key, or the
  /// only one that holds tensors. Nil where `pairs` holds the weights itself.
  private static func nested(
    _ pairs: Pairs, _ pickle: PickleContent, _ path: String
  ) throws(FileError) -> Pairs? {
    for key in usualKeys {
      if let value = pairs.last(where: { $0.key == key })?.value,
        let inner = dictionary(value, pickle)
      {
        return inner
      }
    }
    if pairs.contains(where: { isTensor($0.value) }) { return nil }
    let candidates = pairs.filter { pair in
      dictionary(pair.value, pickle)?.contains { isTensor($0.value) } ?? false
    }
    guard candidates.count > 1 else {
      return candidates.first.flatMap { dictionary($0.value, pickle) }
    }
    let names = candidates.prefix(8).map { quoted($0.key) }
    throw FileError(
      .unsupported, path,
      "holds several networks, under \(names.joined(separator: ", ")); save one of them alone: "
        + "torch.save(torch.load(\(quoted(path)))[\(names[0])], \"weights.pth\")")
  }

  private static func isTensor(_ value: PickleValue) -> Bool {
    if case .tensor = value { true } else { false }
  }

  private static func dictionary(_ value: PickleValue, _ pickle: PickleContent) -> Pairs? {
    guard case .dictionary(let index) = value else { return nil }
    return pickle.dictionaries[index]
  }
}
