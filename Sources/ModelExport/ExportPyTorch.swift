import FileIO
import TensorFormats
import Tensors

extension ModelExport {
  /// Writes a state_dict as safetensors.
  package func writeSafeTensors(_ scope: Scope, to path: String) throws(FileError) {
    var writer = SafeTensorsWriter(metadata: metadata)
    for name in tensorNames(scope) { writer.add(name, try tensor(name)) }
    for name in counterNames(scope) { writer.add(name, Tensor<Int64>(shape: [], values: [0])) }
    try writer.write(to: path)
  }

  /// Writes a state_dict as `torch.save` does.
  ///
  /// PyTorch passes over the entry with the metadata.
  package func writeTorch(_ scope: Scope, to path: String) throws(FileError) {
    var zip = try ZipWriter(to: path)
    do throws(FileError) {
      try writeRecords(scope, to: &zip)
      try zip.finish()
    } catch {
      zip.discard()
      throw error
    }
  }

  private func writeRecords(
    _ scope: Scope, to zip: inout ZipWriter
  ) throws(FileError) {
    let names = tensorNames(scope)
    let counters = counterNames(scope)
    var entries: [(name: String, storageType: String, shape: [Int])] = []
    for name in names { entries.append((name, "FloatStorage", shape(of: name))) }
    for name in counters { entries.append((name, "LongStorage", [])) }
    try zip.add("model/data.pkl", PickleWriter.stateDict(entries))
    try zip.add("model/byteorder", Array("little".utf8))
    try zip.add("model/\(TorchZip.metadataName)", Array(JSONText.table(metadata).text.utf8))
    for (key, name) in names.enumerated() {
      try zip.add("model/data/\(key)", littleEndianBytes(of: tensor(name).values))
    }
    for key in counters.indices {
      try zip.add("model/data/\(names.count + key)", [UInt8](repeating: 0, count: 8))
    }
    try zip.add("model/version", Array("3\n".utf8))
  }

  /// PyTorch's batch-norms have a counter of batches, without which a strict loading complains.
  private func counterNames(_ scope: Scope) -> [String] {
    tensorNames(scope).filter { $0.hasSuffix(".running_mean") }
      .map { $0.replacing("running_mean", with: "num_batches_tracked") }
  }
}
