internal import Foundation
internal import Kernels
internal import WeightFiles

/// A folder that keeps packed weights between runs, and shares them between the processes of a
/// host.
public struct PackedCache: Hashable, Sendable {
  /// The folder; it is made when it is needed.
  public let folder: String
  /// The SHA-256 of the weights, in hexadecimal digits: the same weights have the same packed form.
  public let fingerprint: String
  /// How long to wait for another process that packs the same weights: longer than packing takes.
  public let patience: Duration

  /// Names the folder and the weights.
  public init(folder: String, fingerprint: String, patience: Duration = .seconds(60)) {
    self.folder = folder
    self.fingerprint = fingerprint
    self.patience = patience
  }

  /// The file of one variant of the weights.
  ///
  /// Everything that the packed form depends on is a part of its name.
  func path(_ network: PackedNetwork) -> String {
    let conventions = network.architecture.conventions
    let name = [
      String(fingerprint.prefix(32)), network.architecture.featureLayer.rawValue,
      conventions.stridePlace.rawValue, conventions.pooling.rawValue,
      "\(conventions.batchNormEpsilon)", network.packed.layout.path.rawValue,
    ].joined(separator: "-")
    return "\(folder)/\(name)\(PackedFile.nameEnd)"
  }
}

/// A network whose convolutions have their places, and the weights that go there.
struct PackedNetwork {
  let architecture: BackboneArchitecture
  let packed: PackedBackbone
  let source: any TensorSource

  /// Reads, folds and stores every convolution.
  func storeAll(_ store: (PackedConvolution, FoldedConvolution) -> Void) throws {
    for (place, convolution) in zip(packed.places, architecture.convolutions) {
      let epsilon = architecture.conventions.batchNormEpsilon
      store(place, try convolution.folded(from: source, epsilon: epsilon))
    }
  }
}

/// What a packed file says about itself.
private struct PackedDescription: Encodable {
  let fingerprint: String
  let kernels: KernelPath
  let architecture: BackboneArchitecture

  /// The same bytes for the same description.
  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(self))
  }
}

extension PackedCache {
  /// The packed weights of `network`, from the cache, or else packed and put there.
  ///
  /// Processes that ask at the same time wait for the one that packs, and then share its work.
  ///
  /// - Throws: a `PackedFileError` if the cache cannot be used, and what packing throws.
  func load(_ network: PackedNetwork) throws -> PackedWeights {
    let path = path(network)
    let layout = network.packed.layout
    let description = try PackedDescription(
      fingerprint: fingerprint, kernels: layout.path, architecture: network.architecture
    ).encoded()
    func find() -> PackedWeights? {
      PackedWeights(file: path, description: description, layout)
    }
    if let found = find() { return found }
    try makeFolder(folder)
    return try withFileLock(path + ".lock", patience: patience) {
      if let found = find() { return found }
      removeLeftovers(of: path)
      try PackedWeights.write(to: path, description: description, layout, network.storeAll)
      guard let made = find() else {
        throw PackedFileError(path, "the file was written but cannot be read back")
      }
      return made
    }
  }
  /// Makes room for the file `path`; only while its lock is held.
  private func removeLeftovers(of path: String) {
    let own = URL(fileURLWithPath: path).lastPathComponent
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where PackedFile.isLeftover(name, of: own) {
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
  }
}
