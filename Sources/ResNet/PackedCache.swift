import FileIO
internal import Foundation
import Kernels
import ResNetWeights
import Tensors

/// A folder that keeps packed weights between runs, and shares them between the processes of a
/// host.
///
/// Anybody can compute a checksum, so what counts is who may write: a folder in which others than
/// this user and root may is not used, and such a file in it is packed anew.
package struct PackedCache: Hashable, Sendable {
  /// The folder; it is made when it is needed.
  package let folder: String
  /// The SHA-256 of the weights, in hexadecimal digits: the same weights have the same packed form.
  package let fingerprint: String
  /// How long to wait for another process that packs the same weights: longer than packing takes.
  package let timeout: Duration

  /// Names the folder and the weights.
  package init(folder: String, fingerprint: String, timeout: Duration = .seconds(60)) {
    self.folder = folder
    self.fingerprint = fingerprint
    self.timeout = timeout
  }

  /// The file of one variant of the weights.
  ///
  /// Everything that the packed form depends on is a part of its name.
  func name(_ network: PackedNetwork) -> String {
    let conventions = network.network.conventions
    let name = [
      String(fingerprint.prefix(32)), "layer\(network.network.stages.count)",
      conventions.stridePlace.rawValue, conventions.maxPool.rawValue,
      "\(conventions.batchNormEpsilon)", network.packed.layout.path.rawValue,
    ].joined(separator: "-")
    return name + PackedFile.nameEnd
  }
}

/// A network whose convolutions have their places, and the weights that go there.
struct PackedNetwork {
  let network: BackboneNetwork
  let packed: PackedBackbone
  let source: any TensorSource

  /// Reads, folds and stores every convolution.
  func storeAll(_ store: (PackedConvolution, FoldedConvolution) -> Void) throws {
    for (place, convolution) in zip(packed.places, network.convolutions) {
      let epsilon = network.conventions.batchNormEpsilon
      store(place, try convolution.folded(from: source, epsilon: epsilon))
    }
  }
}

/// What a packed file says about itself.
private struct PackedDescription: Encodable {
  let fingerprint: String
  let kernels: KernelPath
  let network: BackboneNetwork

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
    let name = name(network)
    let files = GuardedFolder(path: folder, trust: .ownerOnly)
    let layout = network.packed.layout
    let description = try PackedDescription(
      fingerprint: fingerprint, kernels: layout.path, network: network.network
    ).encoded()
    func find() -> PackedWeights? {
      guard let file = try? files.openFile(name) else { return nil }
      return PackedWeights(
        file: file.number, path: "\(folder)/\(name)", description: description, layout)
    }
    if let found = find() { return found }
    // What reading the weights throws is no matter of the cache.
    var failure: (any Error)?
    do {
      try files.create()
      return try withFileLock(name + ".lock", in: files, timeout: timeout) {
        if let found = find() { return found }
        removeLeftovers(of: name, in: files)
        try files.replace(name, through: PackedFile.temporary(name)) { file in
          do {
            try PackedWeights.write(
              to: file, path: "\(folder)/\(name)", description: description, layout,
              network.storeAll)
          } catch {
            failure = error
            throw error
          }
        }
        guard let made = find() else {
          throw PackedFileError(
            "\(folder)/\(name)", "the file was written but cannot be read back")
        }
        return made
      }
    } catch let error as FileError where failure == nil {
      throw PackedFileError(error.path, error.reason)
    }
  }

  /// Makes room for the file `name`; only while its lock is held.
  private func removeLeftovers(of name: String, in files: GuardedFolder) {
    for other in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where PackedFile.isLeftover(other, of: name) {
      files.remove(other)
    }
  }
}
