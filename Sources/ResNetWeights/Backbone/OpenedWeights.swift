import FileIO
import TensorFormats
import Tensors

/// A weight file of any format: its tensors under torchvision's names, and what is known about the
/// network.
package struct OpenedWeights {
  /// The format, for people.
  package let format: String
  /// All tensors, those of a head too, under torchvision's names.
  package let tensors: any TensorSource
  package var conventions: WeightConventions = .torchvision
  package var conventionsOrigin: FactOrigin = .torchvisionDefault
  package var pixels: Normalisation = .torch
  package var pixelsOrigin: FactOrigin = .torchvisionDefault
  /// Why nothing but the file's metadata can say what the pixels are; nil where that is known.
  private var pixelsAreHidden: FileError?

  /// Opens the file at `path`, recognised by its content, or the one in the folder `path`; with
  /// what stands beside it.
  package init(path: String) throws(FileError) {
    let file = try weightFile(at: path)
    try self.init(ByteSource(path: file))
    try readConfiguration(in: folder(file))
  }

  package init(_ source: ByteSource) throws(FileError) {
    if try source.has(HDF5File.signature, at: 0) {
      try self.init(keras: try HDF5File(source), configuration: nil, prefix: "")
    } else if try source.has([0x50, 0x4B, 0x03, 0x04], at: 0) {
      try self.init(zip: try ZipArchive(source), source)
    } else if try source.has(TorchLegacy.magic, at: 0) {
      let file = try TorchFile(legacy: source)
      self.init(named: file, format: file.layout)
    } else if try source.has([UInt8(ascii: "{")], at: 8) {
      self.init(named: try SafeTensorsFile(source), format: "safetensors")
    } else if try source.has([UInt8(ascii: "{")], at: 0) {
      self.init(named: try SafeTensorsIndex(source), format: "safetensors in several files")
    } else if try source.has([0x08], at: 0) {
      try self.init(onnx: try ONNXFile(source))
    } else {
      throw FileError(
        .unsupported, source.path, try Self.unknownContent(source))
    }
    try readMetadata(tensors.metadata)
    if let pixelsAreHidden, pixelsOrigin != .metadata { throw pixelsAreHidden }
  }

  /// Tensors that are in memory already, under torchvision's names.
  package init(tensors source: any TensorSource) throws(FileError) {
    self.init(named: source, format: "tensors in memory")
    try readMetadata(source.metadata)
  }

  private init(named source: any TensorSource, format: String) {
    tensors = torchvisionNames(source)
    self.format = format
  }

  private init(zip archive: ZipArchive, _ source: ByteSource) throws(FileError) {
    guard let weights = archive.entries["model.weights.h5"] else {
      let file = try TorchFile(zip: archive, path: source.path)
      self.init(named: file, format: file.layout)
      return
    }
    for entry in archive.entries.values { try archive.verify(entry) }
    var configuration: [UInt8]?
    if let entry = archive.entries["config.json"] {
      guard entry.range.count <= KerasConfiguration.lengthLimit else {
        throw FileError(.unsupported, source.path, "has too long a model configuration")
      }
      configuration = try archive.source(of: entry).bytes(at: 0, count: entry.range.count)
    }
    let file = try HDF5File(try archive.source(of: weights))
    try self.init(keras: file, configuration: configuration, prefix: "Keras archive: ")
  }

  private init(
    keras file: HDF5File, configuration: [UInt8]?, prefix: String
  ) throws(FileError) {
    let backbone = try KerasBackbone(file, configuration: configuration, format: prefix)
    format = backbone.format
    tensors = backbone.tensors
    conventions = backbone.conventions
    conventionsOrigin = backbone.conventionsOrigin
    pixelsAreHidden = backbone.pixelsAreHidden
    // All networks of keras.applications have their stride on the first convolution and Caffe's
    // pixels. One whose configuration says otherwise got its weights from PyTorch.
    if let stated = backbone.pixels {
      pixels = stated
      pixelsOrigin = .configuration
    } else if backbone.conventions.stridePosition == .firstConvolution {
      pixels = .caffe
      pixelsOrigin = backbone.conventions == .keras2016 ? .keras2016Names : .kerasNames
    } else {
      pixelsOrigin = backbone.conventionsOrigin
    }
  }

  private init(onnx file: ONNXFile) throws(FileError) {
    let backbone = try ONNXBackbone(file)
    let producer = cleaned(file.producer, limit: 60)
    format = producer.isEmpty ? "ONNX" : "ONNX, written by \(producer)"
    tensors = backbone.tensors
    conventions = backbone.conventions
    conventionsOrigin = .graph
    pixelsAreHidden = backbone.preparation.map { operation in
      FileError(
        .unsupported, file.path,
        "prepares pixels in the graph, by the operation \(quoted(operation)), and nothing says how; "
          + "export the network without that")
    }
    // Keras' networks have their stride on the first convolution and caffe's pixels.
    if backbone.conventions.stridePosition == .firstConvolution {
      pixels = .caffe
      pixelsOrigin = .graph
    }
  }

  /// What the file says about itself goes before everything else.
  private mutating func readMetadata(_ texts: [String: String]) throws(FileError) {
    let metadata = BackboneMetadata(texts, path: tensors.path)
    if let stated = try metadata.conventions(defaults: conventions) {
      conventions = stated
      conventionsOrigin = .metadata
    }
    if let stated = try metadata.pixels() {
      pixels = stated
      pixelsOrigin = .metadata
    }
  }

  /// What a model's configuration beside the file says goes before what is usual.
  private mutating func readConfiguration(in folder: String) throws(FileError) {
    guard conventionsOrigin == .torchvisionDefault || pixelsOrigin == .torchvisionDefault,
      let beside = try HubConfiguration(in: folder)
    else { return }
    if let position = beside.stridePosition, conventionsOrigin == .torchvisionDefault {
      conventions.stridePosition = position
      conventionsOrigin = .besideFile
    }
    if let stated = beside.pixels, pixelsOrigin == .torchvisionDefault {
      pixels = stated
      pixelsOrigin = .besideFile
    }
  }

  /// By what bytes, and where, packed files are known.
  private static let packers: [(signature: [UInt8], offset: Int, kind: String)] = [
    ([0x1F, 0x8B], 0, "gzip"), (Array("BZh".utf8), 0, "bzip2"),
    ([0xFD] + Array("7zXZ".utf8), 0, "xz"),
    ([0x28, 0xB5, 0x2F, 0xFD], 0, "zstd"), ([0x37, 0x7A, 0xBC, 0xAF], 0, "7-Zip"),
    (Array("ustar".utf8), 257, "tar"),
  ]

  private static func unknownContent(_ source: ByteSource) throws(FileError) -> String {
    if source.count == 0 { return "is empty" }
    if try source.has("version https://git-lfs".utf8, at: 0) {
      return "is a placeholder of Git LFS: fetch the real file with `git lfs pull`"
    }
    if try source.has([0x80], at: 0) {
      return "is a pickle, but not one of torch.save; save model.state_dict() with torch.save"
    }
    if try source.has("<".utf8, at: 0) {
      return "is a web page, not a weight file: download it again"
    }
    for (signature, offset, kind) in packers where try source.has(signature, at: offset) {
      return "is packed with \(kind): unpack it, and name the weight file that comes out"
    }
    return
      "is no weight file that is known: safetensors, PyTorch, Keras HDF5, Keras archive or ONNX"
  }
}
