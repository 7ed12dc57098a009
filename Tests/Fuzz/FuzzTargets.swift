import FileIO
internal import Glibc
import ImageCodecs
import ImageData
import ResNetWeights
import TensorFormats
import Tensors

// The entry point of libFuzzer for the readers of weight files and images; `scripts/fuzz` builds and
// runs it.
//
// The reader that AVP_FUZZ_READER names gets the bytes as they are. Whatever they are, it must come
// back with tensors or pixels, or with an error: a crash, a hang or too much memory is a finding.

/// The readers by their names on the command line of `scripts/fuzz`.
private enum Reader: String {
  case safetensors, index, pickle, state, torch, zip, hdf5, keras, onnx, any
  case jpeg, png, webp, gif, bmp, pnm, tiff, exif, manifest
}

private let reader = getenv("AVP_FUZZ_READER").flatMap { Reader(rawValue: String(cString: $0)) }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let reader else { exit(64) }
  // What a reader throws is what it should do.
  try? read(bytes, with: reader)
  return 0
}

private func read(_ bytes: [UInt8], with reader: Reader) throws {
  let source = ByteSource(bytes, path: "fuzz")
  switch reader {
  case .safetensors: readAll(try SafeTensorsFile(source))
  case .index:
    // Beside the files that the seed names; the fuzzer runs at the top of the repository.
    let path = "Tests/WeightFilesTests/Golden/sharded/fuzz"
    readAll(try SafeTensorsIndex(ByteSource(bytes, path: path)))
  case .pickle: _ = try PickleReader.read(bytes, path: "fuzz")
  case .state:
    // As in a zip archive, but without its checksums, which no mutation gets right.
    let pickle = try PickleReader.read(bytes, path: "fuzz")
    let storage = ByteSource([UInt8](repeating: 0, count: 1 << 16), path: "fuzz")
    let file = try TorchFile(
      pickle, storages: pickle.storages.mapValues { _ in storage }, metadata: [:], path: "fuzz",
      layout: "")
    readAll(file)
    readAll(try BackboneWeights(OpenedWeights(tensors: file)))
  case .torch: readAll(try TorchFile(legacy: source))
  case .zip:
    let archive = try ZipArchive(source)
    for entry in archive.entries.values { try? archive.verify(entry) }
    readAll(try TorchFile(zip: archive, path: "fuzz"))
  case .hdf5:
    let file = try HDF5File(source)
    readAll(file)
    readAll(try KerasBackbone(file, configuration: nil, format: "").tensors)
  case .keras:
    _ = try KerasConfiguration(bytes, path: "fuzz").conventions(defaults: .keras, path: "fuzz")
  case .onnx:
    let file = try ONNXFile(source)
    readAll(file)
    readAll(try ONNXBackbone(file).tensors)
  case .jpeg, .png, .webp, .gif, .bmp, .pnm, .tiff:
    _ = ImageNotes(bytes)
    let file = try ImageFile(bytes)
    // Larger ones cost time alone.
    if file.width * file.height <= 1 << 20 { _ = try file.decode() }
  case .exif: _ = ImageNotes(bytes)
  case .manifest: _ = try ManifestFile(bytes, path: "fuzz")
  case .any: readAll(try BackboneWeights(OpenedWeights(source)))
  }
}

/// Reads every tensor of a source, so that sizes and places are used and not only checked.
private func readAll(_ source: any TensorSource) {
  for name in source.names { _ = try? source.floats(name) }
}
