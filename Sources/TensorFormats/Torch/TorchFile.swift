import FileIO
import Tensors

/// The tensors of a file that `torch.save` wrote: the state_dict, or the one under `state_dict` or
/// `model`.
///
/// Two layouts exist. Since PyTorch 1.6 the file is a zip archive with `<name>/data.pkl` and one
/// raw file per storage; before, it was a row of pickles followed by the storages.
package struct TorchFile: TensorSource {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  /// Which of the two layouts it is, for people.
  package let layout: String
  private let views: [String: TorchView]
  private let storages: [String: ByteSource]

  /// The most bytes of `data.pkl` that are read; the one of a ResNet-152 has 200 KB.
  package static let pickleLimit = 8 << 20
  /// How many elements may be read several times in any file.
  private static let sharingLimit = 1 << 24

  package init(zip archive: ZipArchive, path: String) throws(FileError) {
    let content = try TorchZip(archive, path: path)
    try self.init(
      content.pickle, storages: content.storages, metadata: content.metadata, path: path,
      layout: "PyTorch zip")
  }

  package init(legacy source: ByteSource) throws(FileError) {
    let content = try TorchLegacy(source)
    try self.init(
      content.pickle, storages: content.storages, metadata: [:], path: source.path,
      layout: "PyTorch before 1.6")
  }

  /// Takes the state_dict out of an unpickled file; `storages` holds the bytes of each storage by
  /// its key.
  package init(
    _ pickle: PickleContent, storages: [String: ByteSource], metadata: [String: String],
    path: String, layout: String
  ) throws(FileError) {
    var views: [String: TorchView] = [:]
    for (name, view) in try StateDict(pickle, path: path).tensors {
      guard let storage = storages[view.storage.key] else {
        throw FileError(
          .damaged, path, "the data of the tensor \(quoted(name)) is missing", entry: name)
      }
      let (size, overflow) = view.storage.count.multipliedReportingOverflow(
        by: view.storage.type.size)
      guard !overflow, size <= storage.count else {
        throw FileError(
          .damaged, path, "the data of the tensor \(quoted(name)) is too short", entry: name)
      }
      views[name] = view
    }
    try Self.checkSharing(views, path: path)
    self.views = views
    self.storages = storages
    self.metadata = metadata
    self.path = path
    self.layout = layout
    names = sortedByBytes(views.keys)
  }

  package func shape(of name: String) -> [Int]? { views[name]?.shape }

  package func elementType(of name: String) -> ElementType? { views[name]?.storage.type }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let view = views[name], let storage = storages[view.storage.key] else {
      throw .missingTensor(name, in: path)
    }
    let type = view.storage.type
    let values = try storage.floats(
      of: type, at: view.range.lowerBound * type.size, count: view.range.count, tensor: name)
    return Tensor(shape: view.shape, values: view.isContiguous ? values : view.gather(values))
  }

  /// Refuses tensors that share storages so much that reading them all takes far longer than
  /// reading the file.
  ///
  /// Slices of one storage are usual, and so is a tensor under two names.
  private static func checkSharing(
    _ views: [String: TorchView], path: String
  ) throws(FileError) {
    var storages: [String: Int] = [:]
    for view in views.values { storages[view.storage.key] = view.storage.count }
    let read = views.values.reduce(0) { $0 + $1.range.count }
    guard read <= max(sharingLimit, 4 * storages.values.reduce(0, +)) else {
      throw FileError(
        .unsupported, path,
        "its tensors overlap far too often; save {name: tensor.clone()} of each one")
    }
  }
}

extension TorchView {
  /// The elements of the view in row-major order, out of those in its ``range``.
  package func gather(_ span: [Float]) -> [Float] {
    var offsets = [0]
    for (extent, stride) in zip(shape, strides) {
      var next: [Int] = []
      next.reserveCapacity(offsets.count * extent)
      for offset in offsets {
        for index in 0..<extent { next.append(offset + index * stride) }
      }
      offsets = next
    }
    return offsets.map { span[$0] }
  }
}
